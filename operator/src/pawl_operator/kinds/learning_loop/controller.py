"""One pass over a LearningLoop: observe, decide, carry out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pawl_operator.kinds.learning_loop.actions import Plan
from pawl_operator.kinds.learning_loop.apply import LoopApplier
from pawl_operator.kinds.learning_loop.carry import Carried, LoopCarrier
from pawl_operator.kinds.learning_loop.decide import decide
from pawl_operator.kinds.learning_loop.manifests import LoopSubject
from pawl_operator.kinds.learning_loop.observe import LoopObserver
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import Ref
from pawl_operator.store import ObjectStore

AGAIN = 0.0
SLOW_AGAIN = 1.0
STREAK = 25
MAX_WAIT = timedelta(hours=1)
REPAIR_AGAIN = timedelta(seconds=10)


class LearningLoopController:
    """Reconciles LearningLoops; used by the queue, which never runs one object twice at a time."""

    def __init__(
        self, kube: KubePort, store: ObjectStore, observer: LoopObserver, wake: Callable[[Ref], object]
    ) -> None:
        self._store = store
        self._observer = observer
        self._streaks: dict[Ref, int] = {}
        self.carrier = LoopCarrier(kube, store, LoopApplier(kube, store, wake).carry_out)

    async def reconcile(self, ref: Ref) -> float | None:
        """Run one pass and return in how many seconds the next one is due.

        Raises:
            PawlError: the pass ended early; the next one decides anew.
        """
        live = self._store.get(ref)
        if live is None or live["metadata"].get("deletionTimestamp"):
            # Garbage collection takes the children, and nothing else: traffic is the Rollout's and stays.
            self._streaks.pop(ref, None)
            return None
        snapshot = self._observer.observe(live)
        now = datetime.now(UTC)
        plan = decide(snapshot, now)
        carried = await self.carrier.carry_out(LoopSubject(snapshot.loop, ref.namespace, snapshot.uid), ref, live, plan)
        return self._next(ref, plan, carried, now)

    def _next(self, ref: Ref, plan: Plan, carried: Carried, now: datetime) -> float:
        if carried.changed:
            # A plan that never comes to rest would be a bug; it may cost calls, but not all of them.
            self._streaks[ref] = self._streaks.get(ref, 0) + 1
            return AGAIN if self._streaks[ref] <= STREAK else SLOW_AGAIN
        self._streaks.pop(ref, None)
        wait = plan.wake_at - now if plan.wake_at is not None else MAX_WAIT
        return min(wait, REPAIR_AGAIN if carried.failed else MAX_WAIT).total_seconds()
