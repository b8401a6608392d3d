"""Gather everything `decide` may know about one Rollout into a snapshot; reads only, and only what is in memory.

The one exception is `spec.services`, whose pods are not ours to watch: their endpoints are read from the API server.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from pawl.api.component import Component
from pawl.api.rollout import Rollout
from pawl.errors import InvalidSpec, NotFound, PermissionDenied
from pawl.margins import MetricDefault
from pawl_operator.assigners import Assigners
from pawl_operator.evidence_source import EvidenceSource
from pawl_operator.kinds.rollout.endpoints import read_services
from pawl_operator.kinds.rollout.manifests import Owner
from pawl_operator.kinds.rollout.pinning import header_of
from pawl_operator.kinds.rollout.requested_trials import requests_for
from pawl_operator.kinds.rollout.snapshot import (
    ASSIGNER,
    AssignerState,
    ClaimState,
    RolloutSnapshot,
    RouteState,
    WorkloadState,
)
from pawl_operator.kinds.rollout.workloads import read_workloads
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import (
    CLIENT_POLICIES,
    COMPONENTS,
    DEPLOYMENTS,
    EXPERIMENTS,
    HTTP_ROUTES,
    OWNED_LABEL,
    PODS,
    ROLLOUTS,
    Ref,
)
from pawl_operator.store import ObjectStore
from pawl_operator.traffic.assigner_policy import AssignerService, removes_header
from pawl_operator.traffic.assigner_policy import build_policy as build_assigner_policy
from pawl_operator.traffic.assigner_policy import is_wanted as is_assigner_policy_wanted
from pawl_operator.traffic.assigner_policy import policy_ref as assigner_policy_ref
from pawl_operator.traffic.claim import claim_ref, read_claim
from pawl_operator.traffic.httproute import Ownership, read_state
from pawl_operator.traffic.sticky import build_policy, is_wanted, policy_ref, refusal
from pawl_operator.traffic.variants import read_variants


@dataclass(frozen=True, slots=True)
class Observer:
    """Fills snapshots from the store and the evidence source."""

    store: ObjectStore
    evidence: EvidenceSource
    kube: KubePort
    capabilities: Callable[[], frozenset[str]]
    error_source: str
    assigners: Assigners

    async def observe(self, live: Object) -> RolloutSnapshot:
        """Return the snapshot of a Rollout's body.

        Raises:
            InvalidSpec: the object does not have the shape of a Rollout (an older or newer CRD).
        """
        rollout = parse_rollout(live)
        metadata = live["metadata"]
        namespace, uid = metadata["namespace"], metadata["uid"]
        known = self.evidence.about(uid)
        return RolloutSnapshot(
            rollout=rollout,
            uid=uid,
            generation=int(metadata.get("generation") or 0),
            deleting_since=rollout.metadata.deletion_timestamp,
            finalizers=tuple(metadata.get("finalizers") or ()),
            workloads=await self._workloads(rollout, namespace, uid),
            route=self._route(rollout, namespace),
            sticky_policy=self._sticky(rollout, namespace),
            sticky_refusal=refusal(self.store.get(policy_ref(namespace, rollout.metadata.name))),
            claim=self._claim(rollout, namespace, uid),
            trials=requests_for(self.store.list(EXPERIMENTS, namespace), rollout),
            assigner=await self._assigner(rollout, namespace),
            component_metrics=component_metrics(self.store, rollout, namespace),
            evidence=known.release,
            gateway=known.gateway,
            metrics_fresh_at=known.fresh_at,
            evidence_max_age=self.evidence.max_age,
            clock_skew=known.clock_skew,
            error_source=self.error_source,
            capabilities=self.capabilities(),
        )

    async def _workloads(self, rollout: Rollout, namespace: str, uid: str) -> dict[str, WorkloadState]:
        if rollout.spec.services is not None:
            return await read_services(self.kube, rollout, namespace)
        labels = {OWNED_LABEL: rollout.metadata.name}
        pods = self.store.list(PODS, namespace, labels)
        return read_workloads(self.store.list(DEPLOYMENTS, namespace, labels), pods, uid)

    def _route(self, rollout: Rollout, namespace: str) -> RouteState | None:
        reference = rollout.spec.route_ref
        route = self.store.get(Ref(HTTP_ROUTES, namespace, reference.name)) if reference is not None else None
        if reference is None or route is None:
            return None
        ownership = ownership_of(rollout)
        state = read_state(route, reference.rule_name, ownership)
        variants = read_variants(route, reference.rule_name, ownership)
        return replace(state, variants=variants) if state is not None else None

    async def _assigner(self, rollout: Rollout, namespace: str) -> AssignerState:
        service, trial = self.assigners.service, rollout.status.trial
        if service is None or rollout.spec.route_ref is None:
            return AssignerState()
        name = rollout.metadata.name
        live = self.store.get(assigner_policy_ref(namespace, name))
        header = trial.header if trial is not None else rollout.spec.stickiness.header
        wanted = wanted_assigner_policy(rollout, namespace, header, service)
        asked = trial is not None and trial.state == "Publishing"
        return AssignerState(
            offered=ASSIGNER in self.capabilities(),
            header_removed=await self._header_removed(rollout, namespace) if _unsure(rollout) else None,
            policy=live is not None,
            policy_wanted=is_assigner_policy_wanted(live, wanted),
            refusal=refusal(live),
            generations=await self.assigners.generations(namespace, name) if asked else (),
        )

    async def _header_removed(self, rollout: Rollout, namespace: str) -> bool | None:
        """Return whether every gateway of the route removes the header; None where that cannot be read."""
        reference = rollout.spec.route_ref
        route = self.store.get(Ref(HTTP_ROUTES, namespace, reference.name)) if reference is not None else None
        parents = ((route or {}).get("spec") or {}).get("parentRefs") or []
        gateways = {(parent.get("namespace", namespace), parent["name"]) for parent in parents}
        try:
            found = {space: (await self.kube.list(CLIENT_POLICIES, space)).items for space, _ in gateways}
        except (NotFound, PermissionDenied):
            return None
        return bool(gateways) and all(removes_header(found[space], name) for space, name in gateways)

    def _sticky(self, rollout: Rollout, namespace: str) -> bool:
        if rollout.spec.route_ref is None:
            return False
        live = self.store.get(policy_ref(namespace, rollout.metadata.name))
        return is_wanted(live, wanted_policy(rollout, namespace, header_of(rollout)))

    def _claim(self, rollout: Rollout, namespace: str, uid: str) -> ClaimState:
        reference = rollout.spec.route_ref
        if reference is None:
            return ClaimState()
        lease = self.store.get(claim_ref(namespace, reference.name, reference.rule_name))
        return read_claim(lease, uid, lambda name, holder: self._exists(namespace, name, holder))

    def _exists(self, namespace: str, name: str, uid: str) -> bool:
        other = self.store.get(Ref(ROLLOUTS, namespace, name))
        return other is not None and other["metadata"]["uid"] == uid


def component_metrics(store: ObjectStore, rollout: Rollout, namespace: str) -> dict[str, MetricDefault] | None:
    """Return what a Rollout's Component says about its metrics; None: there is none, or it cannot be read."""
    live = store.get(Ref(COMPONENTS, namespace, rollout.spec.component))
    if live is None:
        return None
    try:
        component = Component.from_cluster(live)
    except ValidationError:
        return None
    metrics = component.spec.metrics
    return {entry.name: MetricDefault(entry.direction, entry.margin, entry.min_users) for entry in metrics}


def _unsure(rollout: Rollout) -> bool:
    return rollout.status.trial is not None and rollout.status.trial.state == "Preparing"


def wanted_assigner_policy(rollout: Rollout, namespace: str, header: str, service: AssignerService) -> Object:
    """Return the policy by which this Rollout's rule asks the assigner.

    Raises:
        InvalidSpec: the Rollout has no route.
    """
    reference = rollout.spec.route_ref
    if reference is None:
        raise InvalidSpec("users can be assigned on a route only", field="spec.routeRef")
    owner = owner_of(rollout, namespace, str(rollout.metadata.uid)).reference()
    name = rollout.metadata.name
    return build_assigner_policy(namespace, name, reference.name, reference.rule_name, header, service, owner)


def parse_rollout(live: Object) -> Rollout:
    """Return the typed Rollout of a body.

    Raises:
        InvalidSpec: a field that we know has a value that our types refuse.
    """
    try:
        return Rollout.from_cluster(live)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidSpec(first["msg"], field=field, remedy="install the CRDs of this version of Pawl") from error


def owner_of(rollout: Rollout, namespace: str, uid: str) -> Owner:
    """Return the Rollout as the owner of workloads."""
    return Owner(namespace, rollout.metadata.name, uid, rollout.spec.component)


def ownership_of(rollout: Rollout) -> Ownership:
    """Return which Services are arms of this Rollout."""
    services = rollout.spec.services
    named = (services.stable, services.candidate) if services is not None else ()
    return Ownership(rollout.metadata.name, named, uid=rollout.metadata.uid or "")


def wanted_policy(rollout: Rollout, namespace: str, header: str) -> Object:
    """Return the sticky policy that this Rollout wants on its rule.

    Raises:
        InvalidSpec: the Rollout has no route.
    """
    reference = rollout.spec.route_ref
    if reference is None:
        raise InvalidSpec("users can be pinned on a route only", field="spec.routeRef")
    owner = owner_of(rollout, namespace, str(rollout.metadata.uid))
    return build_policy(
        namespace, rollout.metadata.name, reference.name, reference.rule_name, header, owner.reference()
    )
