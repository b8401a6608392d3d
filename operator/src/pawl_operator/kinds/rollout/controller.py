"""One pass over a Rollout: observe, decide, carry out, then metrics."""

from datetime import UTC, datetime, timedelta

from pawl_operator.kinds.rollout.actions import Plan
from pawl_operator.kinds.rollout.apply import RolloutApplier, Subject
from pawl_operator.kinds.rollout.carry import Carried, PlanCarrier
from pawl_operator.kinds.rollout.decide import decide
from pawl_operator.kinds.rollout.measure import RolloutMeter
from pawl_operator.kinds.rollout.observe import Observer
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import Ref
from pawl_operator.store import ObjectStore

AGAIN = 0.0
SLOW_AGAIN = 1.0
STREAK = 25
MAX_WAIT = timedelta(hours=1)
REPAIR_AGAIN = timedelta(seconds=10)


class RolloutController:
    """Reconciles Rollouts; used by the queue, which never runs one object twice at a time."""

    def __init__(
        self, kube: KubePort, store: ObjectStore, observer: Observer, meter: RolloutMeter, tracking_uri: str = ""
    ) -> None:
        applier = RolloutApplier(kube, store, observer.assigners.service, tracking_uri)
        self._store = store
        self._observer = observer
        self._meter = meter
        self._streaks: dict[Ref, int] = {}
        self.carrier = PlanCarrier(kube, store, applier.carry_out, meter.repair_failed)

    async def reconcile(self, ref: Ref) -> float | None:
        """Run one pass and return in how many seconds the next one is due; None: only when something changes.

        Raises:
            PawlError: the pass ended early; the next one decides anew.
        """
        live = self._store.get(ref)
        if live is None:
            self._streaks.pop(ref, None)
            self._meter.forget(ref)
            return None
        snapshot = await self._observer.observe(live)
        now = datetime.now(UTC)
        plan = decide(snapshot, now)
        subject = Subject(snapshot.rollout, ref.namespace, snapshot.uid)
        carried = await self.carrier.carry_out(subject, ref, live, plan)
        self._meter.record(ref, snapshot, plan)
        return self._next(ref, plan, carried, now)

    def _next(self, ref: Ref, plan: Plan, carried: Carried, now: datetime) -> float | None:
        if carried.changed:
            # A plan that never comes to rest would be a bug; it may cost calls, but not all of them.
            self._streaks[ref] = self._streaks.get(ref, 0) + 1
            return AGAIN if self._streaks[ref] <= STREAK else SLOW_AGAIN
        self._streaks.pop(ref, None)
        if plan.wake_at is None:
            return REPAIR_AGAIN.total_seconds() if carried.failed else None
        return min(plan.wake_at - now, REPAIR_AGAIN if carried.failed else MAX_WAIT).total_seconds()
