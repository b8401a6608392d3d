"""Carry out the actions of a plan, in order; every one may be repeated. Answers go into the store at once.

Going back to stable is urgent: it passes the rate limit, and a lost race on the route is fought again here, on a
fresh copy, because its aim, everybody on stable, does not depend on what somebody else wrote. All other conflicts end
the pass; one about the way of writing alone is left to the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pawl.api.rollout import Rollout
from pawl.errors import Conflict, NotFound
from pawl_operator.kinds.rollout.actions import (
    FINALIZER,
    Action,
    AddFinalizer,
    DeleteWorkload,
    EnsureAssignerPolicy,
    EnsureStickyPolicy,
    EnsureWorkload,
    PatchRoute,
    PatchVariants,
    ReleaseClaim,
    RemoveAssignerPolicy,
    RemoveFinalizer,
    RemoveStickyPolicy,
    ScaleWorkload,
    TakeClaim,
)
from pawl_operator.kinds.rollout.manifests import build_workload, scale_ops
from pawl_operator.kinds.rollout.observe import owner_of, ownership_of, wanted_assigner_policy, wanted_policy
from pawl_operator.kube.apply import MANAGER, apply_manifest, ref_of
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import AUTOSCALERS, DEPLOYMENTS, HTTP_ROUTES, LEASES, ROLLOUTS, SERVICES, WATCHED, Ref
from pawl_operator.store import ObjectStore
from pawl_operator.traffic.assigner_policy import AssignerService, build_grant
from pawl_operator.traffic.assigner_policy import policy_ref as assigner_policy_ref
from pawl_operator.traffic.claim import claim_body, claim_ref
from pawl_operator.traffic.httproute import patch_for
from pawl_operator.traffic.sticky import policy_ref
from pawl_operator.traffic.variants import patch_variants

ROUTE_ATTEMPTS = 5
Build = Callable[[Object, str], list[dict[str, Any]]]
"""Makes the JSON Patch of a route and the name of our rule; LookupError where the rule is not there."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The Rollout that a plan is about."""

    rollout: Rollout
    namespace: str
    uid: str

    @property
    def name(self) -> str:
        """Return the Rollout's name."""
        return self.rollout.metadata.name


class RolloutApplier:
    """Carries out actions through the port; one per process."""

    def __init__(
        self, kube: KubePort, store: ObjectStore, assigner: AssignerService | None = None, tracking_uri: str = ""
    ) -> None:
        self._kube = kube
        self._store = store
        self._assigner = assigner
        self._tracking_uri = tracking_uri

    async def carry_out(self, subject: Subject, action: Action) -> bool:  # noqa: C901 - one line for each action
        """Do one action; True when something changed in the cluster.

        Raises:
            PawlError: it could not be done.
        """
        match action:
            case PatchRoute():
                return await self._patch_route(subject, action)
            case PatchVariants():
                return await self._patch_variants(subject, action)
            case EnsureAssignerPolicy():
                return await self._ensure_assigner_policy(subject, action.header)
            case RemoveAssignerPolicy():
                return await self._delete(assigner_policy_ref(subject.namespace, subject.name))
            case EnsureWorkload():
                return await self._ensure_workload(subject, action)
            case ScaleWorkload():
                return await self._scale(subject, action)
            case DeleteWorkload():
                return await self._delete_workload(subject, action.revision)
            case EnsureStickyPolicy():
                return await self._ensure_policy(subject, action.header)
            case RemoveStickyPolicy():
                return await self._delete(policy_ref(subject.namespace, subject.name))
            case TakeClaim():
                return await self._take_claim(subject)
            case ReleaseClaim():
                return await self._release_claim(subject)
            case AddFinalizer():
                return await self._finalizers(subject, add=True)
            case RemoveFinalizer():
                return await self._finalizers(subject, add=False)

    async def _patch_route(self, subject: Subject, wanted: PatchRoute) -> bool:
        urgent, ownership = wanted.candidate is None or wanted.weight == 0, ownership_of(subject.rollout)
        # Where only the way of writing would change, the next pass looks at the route anew.
        return await self._patch_rules(
            subject,
            lambda route, rule: patch_for(route, rule, wanted, ownership),
            urgent=urgent,
            yields=wanted.plain,
        )

    async def _patch_variants(self, subject: Subject, wanted: PatchVariants) -> bool:
        ownership = ownership_of(subject.rollout)
        return await self._patch_rules(
            subject, lambda route, rule: patch_variants(route, rule, wanted, ownership), urgent=wanted.urgent
        )

    async def _patch_rules(self, subject: Subject, ops_for: Build, *, urgent: bool, yields: bool = False) -> bool:
        reference = subject.rollout.spec.route_ref
        if reference is None:
            raise NotFound("the Rollout has no route", field="spec.routeRef")
        ref = Ref(HTTP_ROUTES, subject.namespace, reference.name)
        route = self._store.get(ref) or await self._fresh(ref, urgent=urgent)
        for attempt in range(1, ROUTE_ATTEMPTS + 1):
            if route is None:
                raise NotFound(f"HTTPRoute {reference.name} does not exist", field="spec.routeRef.name")
            try:
                ops = ops_for(route, reference.rule_name)
            except LookupError as error:
                raise NotFound(str(error), field="spec.routeRef.ruleName", value=reference.rule_name) from error
            if not ops:
                return False
            try:
                patched = await self._kube.json_patch(ref, ops, manager=MANAGER, urgent=urgent)
            except Conflict:
                route = await self._fresh(ref, urgent=urgent)
                if yields:
                    return False
                if not urgent or attempt == ROUTE_ATTEMPTS:
                    raise
                continue
            self._store.put(HTTP_ROUTES, patched)
            return True
        return False

    async def _fresh(self, ref: Ref, *, urgent: bool = False) -> Object | None:
        found = await self._kube.get(ref, urgent=urgent)
        if found is not None:
            self._store.put(ref.resource, found)
        return found

    async def _ensure_workload(self, subject: Subject, wanted: EnsureWorkload) -> bool:
        owner = owner_of(subject.rollout, subject.namespace, subject.uid)
        return any([await self._apply(manifest) for manifest in build_workload(owner, wanted, self._tracking_uri)])

    async def _apply(self, manifest: Object) -> bool:
        """Apply; True when the object that the watch shows is not what came back."""
        ref = ref_of(manifest)
        live = self._store.get(ref)
        applied = await apply_manifest(self._kube, manifest)
        if ref.resource not in WATCHED:
            return False
        self._store.put(ref.resource, applied)
        return live is None or live["metadata"]["resourceVersion"] != applied["metadata"]["resourceVersion"]

    async def _scale(self, subject: Subject, wanted: ScaleWorkload) -> bool:
        owner = owner_of(subject.rollout, subject.namespace, subject.uid)
        ref = Ref(DEPLOYMENTS, subject.namespace, owner.workload(wanted.revision))
        live = self._store.get(ref)
        if live is None or int(live["spec"].get("replicas", 1)) == wanted.replicas:
            return False
        try:
            self._store.put(DEPLOYMENTS, await self._kube.json_patch(ref, scale_ops(live, wanted), manager=MANAGER))
        except NotFound:
            return False
        return True

    async def _delete_workload(self, subject: Subject, revision: str) -> bool:
        owner = owner_of(subject.rollout, subject.namespace, subject.uid)
        name, changed = owner.workload(revision), False
        # The pods go first, draining; a Service without pods harms nobody.
        for resource in (AUTOSCALERS, DEPLOYMENTS, SERVICES):
            changed |= await self._delete(Ref(resource, subject.namespace, name))
        return changed

    async def _delete(self, ref: Ref) -> bool:
        live = self._store.get(ref)
        await self._kube.delete(ref)
        return live is not None

    async def _ensure_policy(self, subject: Subject, header: str) -> bool:
        return await self._apply(wanted_policy(subject.rollout, subject.namespace, header))

    async def _ensure_assigner_policy(self, subject: Subject, header: str) -> bool:
        if self._assigner is None:
            raise NotFound("there is no assigner", field="PAWL_ASSIGNER", remedy="install it with the chart")
        grant = build_grant(subject.namespace, self._assigner)
        if grant is not None:
            await apply_manifest(self._kube, grant)
        return await self._apply(wanted_assigner_policy(subject.rollout, subject.namespace, header, self._assigner))

    async def _take_claim(self, subject: Subject) -> bool:
        reference = subject.rollout.spec.route_ref
        if reference is None:
            return False
        ref = claim_ref(subject.namespace, reference.name, reference.rule_name)
        lease = self._store.get(ref)
        owner = owner_of(subject.rollout, subject.namespace, subject.uid).reference()
        body = claim_body(lease, ref, subject.name, subject.uid, owner, datetime.now(UTC))
        try:
            if lease is None:
                taken = await self._kube.create(LEASES, subject.namespace, body)
            else:
                taken = await self._kube.replace(ref, body)
        except (Conflict, NotFound):
            # Somebody was faster; the next snapshot must see it even if the watch lags.
            if await self._fresh(ref) is None and lease is not None:
                self._store.remove(LEASES, lease)
            return True
        self._store.put(LEASES, taken)
        return True

    async def _release_claim(self, subject: Subject) -> bool:
        reference = subject.rollout.spec.route_ref
        if reference is None:
            return False
        ref = claim_ref(subject.namespace, reference.name, reference.rule_name)
        lease = await self._fresh(ref)
        holder = str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")
        if lease is None or not holder.endswith(f"/{subject.uid}"):
            return False
        try:
            await self._kube.delete(ref, uid=lease["metadata"]["uid"])
        except Conflict:
            return False
        self._store.remove(LEASES, lease)
        return True

    async def _finalizers(self, subject: Subject, *, add: bool) -> bool:
        ref = Ref(ROLLOUTS, subject.namespace, subject.name)
        live = self._store.get(ref)
        if live is None:
            return False
        held = list(live["metadata"].get("finalizers") or [])
        if (FINALIZER in held) == add:
            return False
        wanted = [*held, FINALIZER] if add else [entry for entry in held if entry != FINALIZER]
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
        ops = [version, {"op": "add", "path": "/metadata/finalizers", "value": wanted}]
        try:
            patched = await self._kube.json_patch(ref, ops, manager=MANAGER)
        except NotFound:
            return False
        self._store.put(ROLLOUTS, patched)
        return True
