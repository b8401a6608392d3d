"""About whom evidence is asked for: Rollouts with a release on its way, and Experiments that run or are about to."""

from collections.abc import Sequence

from pydantic import ValidationError

from pawl.api.experiment import Experiment
from pawl.api.rollout import Rollout
from pawl_operator.evidence_source import EvidenceTarget
from pawl_operator.kinds.experiment.target import experiment_target
from pawl_operator.kinds.rollout.target import evidence_target
from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import EXPERIMENTS, HTTP_ROUTES, ROLLOUTS, Ref, Resource
from pawl_operator.store import ObjectStore

SOURCES = (ROLLOUTS, EXPERIMENTS, HTTP_ROUTES)
"""Set `Targets.stale` when one of these has changed."""
_Read = tuple[tuple[str, str], EvidenceTarget | None]


class Targets:
    """Reads an object again only when it or its route has changed; ``refs`` names the objects by uid.

    `gateway` says whether arms are told apart by the gateway's clusters or by the model servers' revisions.
    """

    def __init__(self, store: ObjectStore, *, gateway: bool) -> None:
        self._store = store
        self._gateway = gateway
        self._targets: Sequence[EvidenceTarget] = ()
        self._read: dict[str, _Read] = {}
        self.refs: dict[str, Ref] = {}
        self.stale = True

    def current(self) -> Sequence[EvidenceTarget]:
        """Return all targets, as the store has them now."""
        if self.stale:
            found = [(ROLLOUTS, body) for body in self._store.list(ROLLOUTS) if _status(body).get("release")]
            found += [(EXPERIMENTS, body) for body in self._store.list(EXPERIMENTS) if _status(body).get("phase")]
            self._read = {body["metadata"]["uid"]: self._target(resource, body) for resource, body in found}
            self._targets = [target for _, target in self._read.values() if target is not None]
            self.refs = {body["metadata"]["uid"]: _ref(resource, body) for resource, body in found}
            self.stale = False
        return self._targets

    def _target(self, resource: Resource, body: Object) -> _Read:
        metadata, route = body["metadata"], self._route(body if resource is ROLLOUTS else self._rollout(body))
        versions = metadata["resourceVersion"], route["metadata"]["resourceVersion"] if route is not None else ""
        known = self._read.get(metadata["uid"])
        if known is not None and known[0] == versions:
            return known
        uid, namespace = metadata["uid"], metadata["namespace"]
        try:
            if resource is ROLLOUTS:
                rollout = Rollout.from_cluster(body)
                return versions, evidence_target(rollout, uid, namespace, route, gateway=self._gateway)
            experiment = Experiment.from_cluster(body)
            return versions, experiment_target(experiment, uid, namespace, route, gateway=self._gateway)
        except ValidationError:
            # Its own reconciling says what is wrong with it.
            return versions, None

    def _rollout(self, experiment: Object) -> Object | None:
        name = (experiment["spec"].get("rolloutRef") or {}).get("name")
        return self._store.get(Ref(ROLLOUTS, experiment["metadata"]["namespace"], name)) if name else None

    def _route(self, rollout: Object | None) -> Object | None:
        name = (rollout["spec"].get("routeRef") or {}).get("name") if rollout is not None else None
        return self._store.get(Ref(HTTP_ROUTES, rollout["metadata"]["namespace"], name)) if rollout and name else None


def _status(body: Object) -> Object:
    return body.get("status") or {}


def _ref(resource: Resource, body: Object) -> Ref:
    return Ref(resource, body["metadata"]["namespace"], body["metadata"]["name"])
