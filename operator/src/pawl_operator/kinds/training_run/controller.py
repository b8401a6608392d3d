"""One pass over a TrainingRun: observe, decide, carry out, then metrics."""

from datetime import UTC, datetime, timedelta

from pawl_operator.kinds.training_run.actions import Plan
from pawl_operator.kinds.training_run.apply import TrainingApplier
from pawl_operator.kinds.training_run.carry import PlanCarrier
from pawl_operator.kinds.training_run.decide import decide
from pawl_operator.kinds.training_run.engines.port import Subject
from pawl_operator.kinds.training_run.observe import Observer, engine_of, parse_run
from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import Refusal, TrainingSnapshot
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import Ref
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.store import ObjectStore

AGAIN = 0.0
MAX_WAIT = timedelta(hours=1)
MANAGED_BY = "pawl.dev/operator"


class TrainingRunController:
    """Reconciles TrainingRuns; used by the queue, which never runs one object twice at a time."""

    def __init__(self, kube: KubePort, store: ObjectStore, observer: Observer, metrics: OperatorMetrics) -> None:
        self._store, self._observer, self._metrics = store, observer, metrics
        self._carrier = PlanCarrier(kube, store, TrainingApplier(kube, store, observer.engines).carry_out)
        self._refusals: dict[str, Refusal] = {}
        """By uid. A restart forgets them, tries once more, and is told again."""

    async def reconcile(self, ref: Ref) -> float | None:
        """Run one pass and return in how many seconds the next one is due; None: only when something changes.

        Raises:
            PawlError: the pass ended early; the next one decides anew.
        """
        live = self._store.get(ref)
        if live is None:
            return None
        run = parse_run(live)
        if run.spec.managed_by != MANAGED_BY:
            return None
        subject = Subject(run, ref.namespace, str(live["metadata"]["uid"]))
        snapshot = await self._observer.observe(subject, live, self._refusals.pop(subject.uid, None))
        now = datetime.now(UTC)
        plan = decide(snapshot, now)
        refusal = await self._carrier.carry_out(subject, ref, live, plan)
        self._count(snapshot, plan)
        if refusal is not None:
            self._refusals[subject.uid] = refusal
            return AGAIN
        return min(plan.wake_at - now, MAX_WAIT).total_seconds() if plan.wake_at is not None else None

    def _count(self, snapshot: TrainingSnapshot, plan: Plan) -> None:
        before = {entry.number: entry.reason for entry in snapshot.run.status.attempts}
        for entry in plan.status.attempts:
            news = entry.finished_at is not None and entry.reason != before.get(entry.number, "")
            if news and entry.reason != Reason.READING_REPORT:
                self._metrics.training_attempts.labels(engine_of(snapshot.run), entry.reason).inc()
