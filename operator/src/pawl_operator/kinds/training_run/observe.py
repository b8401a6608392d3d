"""Gather everything `decide` may know about one TrainingRun into a snapshot; reads only.

Our own kinds come from the store. What runs an attempt is asked for at each look, while one runs: a watch on RayJobs,
Jobs and their pods would cost more than it tells, for the log has to be read all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from pawl.api.component import Component
from pawl.api.training_run import Attempt, TrainingRun
from pawl.errors import InvalidSpec
from pawl_operator.kinds.training_run.draft import open_attempt
from pawl_operator.kinds.training_run.engines.port import Engine, LogText, Look, Subject
from pawl_operator.kinds.training_run.report import read
from pawl_operator.kinds.training_run.snapshot import (
    Champion,
    ComponentFacts,
    EngineName,
    Offer,
    Refusal,
    TrainingSnapshot,
)
from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import COMPONENTS, HTTP_ROUTES, ROLLOUTS, Ref
from pawl_operator.store import ObjectStore

HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class Observer:
    """Fills snapshots from the store and the engines."""

    store: ObjectStore
    engines: Mapping[EngineName, Engine]
    offer: Offer

    async def observe(self, subject: Subject, live: Object, refusal: Refusal | None) -> TrainingSnapshot:
        """Return the snapshot of a TrainingRun's body.

        Raises:
            PawlError: the API server did not answer.
        """
        name = engine_of(subject.run)
        engine, metadata = self.engines[name], live["metadata"]
        attempt = open_attempt(subject.run.status)
        deleting_since = subject.run.metadata.deletion_timestamp
        look = await self._look(subject, engine, attempt, deleting_since)
        log = await self._log(subject, engine, attempt, look)
        unmade = attempt is None or not attempt.uid
        return TrainingSnapshot(
            run=subject.run,
            namespace=subject.namespace,
            uid=subject.uid,
            generation=int(metadata.get("generation") or 0),
            engine=name,
            offer=self.offer,
            deleting_since=deleting_since,
            finalizers=tuple(metadata.get("finalizers") or ()),
            component=self._component(subject),
            champion=self._champion(subject),
            engine_missing=await engine.missing() if unmade and subject.run.status.finished_at is None else "",
            unreachable=look.unreachable,
            attempts=look.attempts,
            pods=look.pods,
            log=read(log.text) if log.text is not None else None,
            log_gone=log.gone,
            refusal=refusal,
        )

    async def _look(
        self, subject: Subject, engine: Engine, attempt: Attempt | None, deleting_since: datetime | None
    ) -> Look:
        if deleting_since is not None and not subject.run.metadata.finalizers:
            return Look()
        return await engine.look(subject, {attempt.number} if attempt is not None else set())

    async def _log(self, subject: Subject, engine: Engine, attempt: Attempt | None, look: Look) -> LogText:
        state = look.attempts.get(attempt.number) if attempt is not None else None
        if state is None or not state.owned or state.deleting or state.stage == "Pending":
            return LogText(None)
        return await engine.log(subject, state, look.pods)

    def _component(self, subject: Subject) -> ComponentFacts | None:
        live = self.store.get(Ref(COMPONENTS, subject.namespace, subject.run.spec.component))
        if live is None:
            return None
        try:
            spec = Component.from_cluster(live).spec
        except ValidationError:
            return None
        return ComponentFacts(spec.score, {rule.kind: rule.truth for rule in spec.labels if rule.truth != "None"})

    def _champion(self, subject: Subject) -> Champion | None:
        wanted = subject.run.spec.gate.champion
        if wanted is None:
            return None
        for rollout in sorted(self.store.list(ROLLOUTS, subject.namespace), key=lambda body: body["metadata"]["name"]):
            stable = (rollout.get("status") or {}).get("stable") or {}
            same = (stable.get("source"), stable.get("digest", "")) == (wanted.source, wanted.digest)
            if same and rollout["spec"].get("component") == subject.run.spec.component:
                return Champion(str(stable["revision"]), self._address(subject, rollout, str(stable["service"])))
        return None

    def _address(self, subject: Subject, rollout: Object, service: str) -> str:
        route = (rollout["spec"].get("routeRef") or {}).get("name", "")
        body = self.store.get(Ref(HTTP_ROUTES, subject.namespace, route)) or {}
        backends = [b for rule in (body.get("spec") or {}).get("rules") or [] for b in rule.get("backendRefs") or []]
        # Services of Pawl's own making listen on port 80; one that somebody else runs is known by the route alone.
        port = next((b["port"] for b in backends if b.get("name") == service and b.get("port")), HTTP_PORT)
        host = f"{service}.{subject.namespace}.svc" + (f":{port}" if port != HTTP_PORT else "")
        return f"http://{host}/v2/models/{subject.run.spec.component}"


def engine_of(run: TrainingRun) -> EngineName:
    """Return which field of spec.engine is set."""
    if run.spec.engine.kube_ray is not None:
        return "kubeRay"
    return "rayAddress" if run.spec.engine.ray_address is not None else "job"


def parse_run(live: Object) -> TrainingRun:
    """Return the typed TrainingRun of a body.

    Raises:
        InvalidSpec: a field that we know has a value that our types refuse.
    """
    try:
        return TrainingRun.from_cluster(live)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidSpec(first["msg"], field=field, remedy="install the CRDs of this version of Pawl") from error
