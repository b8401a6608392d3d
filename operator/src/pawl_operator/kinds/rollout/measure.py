"""What a pass over a Rollout adds to the operator's own metrics; counted only after the status was written."""

from pawl_operator.kinds.outcome import outcome_of
from pawl_operator.kinds.rollout.actions import Plan
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.snapshot import RolloutSnapshot
from pawl_operator.kube.resources import ROLLOUTS, Ref
from pawl_operator.metrics import OperatorMetrics

DRIFT = (Reason.ROUTE_RESTORED, Reason.BRAKED, Reason.ROUTE_CONFLICT)


class RolloutMeter:
    """Turns the difference between the status before and after a pass into metrics."""

    def __init__(self, metrics: OperatorMetrics) -> None:
        self._metrics = metrics

    def record(self, ref: Ref, snapshot: RolloutSnapshot, plan: Plan) -> None:
        """Count what this pass decided."""
        place = (ref.namespace, ref.name)
        before, after = snapshot.rollout.status, plan.status
        self._metrics.weight_desired.labels(*place).set(after.traffic.desired)
        self._metrics.weight_verified.labels(*place).set(after.traffic.verified)
        if after.verdict is not None and (after.verdict != before.verdict or after.evidence != before.evidence):
            self._metrics.verdicts.labels(*place, after.verdict).inc()
        if any(note.reason in DRIFT for note in plan.events):
            self._metrics.drift.labels(*place).inc()
        self._rollback(place, snapshot, plan)

    def _rollback(self, place: tuple[str, str], snapshot: RolloutSnapshot, plan: Plan) -> None:
        before, after = snapshot.rollout.status.rollback, plan.status.rollback
        if after is None:
            return
        if before is None or before.release != after.release:
            self._metrics.rollbacks.labels(*place, after.cause).inc()
            before = None
        verified = after.t2 is not None and (before is None or before.t2 is None)
        if verified and after.t1 is not None and after.t2 is not None:
            self._metrics.breach_to_verified.observe((after.t2 - after.t1).total_seconds())

    def repair_failed(self, error: Exception) -> None:
        """Count a repair that was refused; the pass itself went on."""
        self._metrics.reconcile_errors.labels(ROLLOUTS.kind, outcome_of(error).name).inc()

    def forget(self, ref: Ref) -> None:
        """Drop the gauges of a Rollout that is gone."""
        self._metrics.forget(ref.namespace, ref.name)
