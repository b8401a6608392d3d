"""One pass over a Rollout: observe, decide, apply, one status write, then events and metrics."""

from datetime import UTC, datetime, timedelta

import structlog

from pawl_operator.kinds.conditions import RECONCILED, without_condition
from pawl_operator.kinds.rollout.actions import AddFinalizer, PatchRoute, Plan, RemoveFinalizer
from pawl_operator.kinds.rollout.apply import RolloutApplier, Subject
from pawl_operator.kinds.rollout.decide import decide
from pawl_operator.kinds.rollout.measure import RolloutMeter
from pawl_operator.kinds.rollout.observe import Observer
from pawl_operator.kinds.rollout.snapshot import RolloutSnapshot
from pawl_operator.kube.events import emit
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import ROLLOUTS, Ref
from pawl_operator.kube.status import write_status
from pawl_operator.store import ObjectStore

log = structlog.get_logger(__name__)
AGAIN = 0.0
SLOW_AGAIN = 1.0
STREAK = 25
MAX_WAIT = timedelta(hours=1)


class RolloutController:
    """Reconciles Rollouts; used by the queue, which never runs one object twice at a time."""

    def __init__(self, kube: KubePort, store: ObjectStore, observer: Observer, meter: RolloutMeter) -> None:
        self._kube = kube
        self._store = store
        self._observer = observer
        self._meter = meter
        self._streaks: dict[Ref, int] = {}
        self.applier = RolloutApplier(kube, store)

    async def reconcile(self, ref: Ref) -> float | None:
        """Run one pass and return in how many seconds the next one is due; None: only when something changes.

        Raises:
            PawlError: the pass ended early; nothing was written to status.
        """
        live = self._store.get(ref)
        if live is None:
            self._streaks.pop(ref, None)
            self._meter.forget(ref)
            return None
        snapshot = await self._observer.observe(live)
        now = datetime.now(UTC)
        plan = decide(snapshot, now)
        changed = await self._carry_out(snapshot, ref, live, plan)
        self._meter.record(ref, snapshot, plan)
        return self._next(ref, plan, changed, now)

    async def _carry_out(self, snapshot: RolloutSnapshot, ref: Ref, live: Object, plan: Plan) -> bool:
        subject = Subject(snapshot.rollout, ref.namespace, snapshot.uid)
        changed = False
        for action in plan.actions:
            done = await self.applier.carry_out(subject, action)
            changed |= done
            if done:
                log.info("done", object=str(ref), action=type(action).__name__, **_detail(action))
            if done and isinstance(action, AddFinalizer | RemoveFinalizer):
                # Our own patch moved the version; status goes on top of it.
                live = self._store.get(ref) or live
            if done and isinstance(action, RemoveFinalizer):
                self._forget_if_gone(ref)
        status = without_condition(plan.status.to_wire(), RECONCILED)
        written = await write_status(self._kube, ref, live, status) if self._store.get(ref) else None
        if written is not None:
            self._store.put(ROLLOUTS, written)
        for note in plan.events:
            await emit(self._kube, live, kind=note.kind, reason=note.reason, message=note.message)
        return changed or written is not None

    def _forget_if_gone(self, ref: Ref) -> None:
        live = self._store.get(ref)
        if live is not None and live["metadata"].get("deletionTimestamp") and not live["metadata"].get("finalizers"):
            self._store.remove(ROLLOUTS, live)

    def _next(self, ref: Ref, plan: Plan, changed: bool, now: datetime) -> float | None:
        if changed:
            # A plan that never comes to rest would be a bug; it may cost calls, but not all of them.
            self._streaks[ref] = self._streaks.get(ref, 0) + 1
            return AGAIN if self._streaks[ref] <= STREAK else SLOW_AGAIN
        self._streaks.pop(ref, None)
        if plan.wake_at is None:
            return None
        return min(plan.wake_at - now, MAX_WAIT).total_seconds()


def _detail(action: object) -> dict[str, object]:
    if isinstance(action, PatchRoute):
        return {"weight": action.weight, "release": action.release, "step": action.step}
    revision = getattr(action, "revision", None)
    return {"revision": revision} if revision else {}
