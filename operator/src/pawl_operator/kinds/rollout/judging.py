"""Put what was seen before the judge, and write down what was judged."""

from datetime import datetime

from pawl.api.rollout_status import RolloutStatus
from pawl.comparison import MetricJudgement
from pawl.durations import parse_duration
from pawl.hard_limits import WorkloadHealth
from pawl.verdicts import Judgement, Observations, judge
from pawl_operator.kinds.conditions import Value
from pawl_operator.kinds.evidence_entries import entries_for
from pawl_operator.kinds.rollout.conditions import set_condition, truth
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.snapshot import WorkloadState

_ABSENT = WorkloadState(revision="", exists=False)


def consider(draft: Draft) -> Judgement:
    """Judge the live release's present step, and put verdict, evidence and conditions into the status."""
    release = draft.release
    judgement = judge(release.plan, max(1, release.step), _observations(draft), draft.now)
    draft.judgement = judgement
    _wake_for_readiness(draft)
    draft.set(verdict=judgement.verdict)
    if judgement.metrics:
        draft.set(evidence=entries_for(judgement.metrics, draft.status.evidence))
    _metrics_condition(draft, judgement)
    _power_condition(draft, judgement)
    return judgement


def _wake_for_readiness(draft: Draft) -> None:
    """Nobody tells when the time is up for which no pod may be ready."""
    have = draft.seen.workloads.get(draft.release.revision, _ABSENT)
    if have.ready == 0:
        allowed = parse_duration(draft.release.plan.analysis.hard_limits.readiness.for_)
        draft.wake((have.not_ready_since or draft.now) + allowed)


def last_good(draft: Draft) -> datetime:
    """Return until when the measurements could be trusted, never later than now."""
    evidence = draft.seen.evidence
    known = [draft.seen.metrics_fresh_at]
    if draft.release.plan.analysis.metrics and evidence is not None:
        known.append(evidence.computed_at)
    return min([draft.now, *(at for at in known if at is not None)])


def counted_from(status: RolloutStatus) -> datetime | None:
    """Return from when on requests to the candidate's place on the route count for its hard limits; None: no release.

    While a step is shifting that is the time when this release asked for traffic first: a gateway that never confirms
    a weight may serve it all the same, and limits must not be blind until it does. Before that, stable stood in that
    place.
    """
    release, holder = status.release, status.traffic.holder
    if release is None:
        return None
    if release.step_started_at is not None:
        return release.step_started_at
    return max(release.started_at, holder.since) if holder is not None else release.started_at


def _observations(draft: Draft) -> Observations:
    release, seen = draft.release, draft.seen
    evidence = seen.evidence if seen.evidence is not None and seen.evidence.release == release.number else None
    have = seen.workloads.get(release.revision, _ABSENT)
    return Observations(
        evidence=evidence,
        gateway=seen.gateway,
        workload=WorkloadHealth(
            desired=max(1, have.desired),
            ready=have.ready,
            restarts=have.restarts,
            last_terminated=have.last_terminated,
            not_ready_since=have.not_ready_since,
        ),
        step_started_at=counted_from(draft.status) or draft.now,
        fresh_at=seen.metrics_fresh_at,
        max_age=seen.evidence_max_age,
        clock_skew=seen.clock_skew,
        seen_before=any(entry.batch > 0 for entry in draft.status.evidence),
    )


def _metrics_condition(draft: Draft, judgement: Judgement) -> None:
    reason, available = Reason(judgement.reason), judgement.verdict != "Unavailable"
    skewed = reason is Reason.CLOCK_SKEW
    if judgement.verdict != "Fail":
        message = "metrics answer and are fresh" if available else judgement.message
        set_condition(draft, "MetricsAvailable", truth(available), Reason.FRESH if available else reason, message)
    if skewed or any(entry.type == "ClockSkew" for entry in draft.status.conditions):
        message = judgement.message if skewed else "clocks agree within 5 s"
        set_condition(draft, "ClockSkew", truth(skewed), reason if skewed else Reason.CLOCKS_AGREE, message)


def _power_condition(draft: Draft, judgement: Judgement) -> None:
    """Say whether the step can be decided before its maxDuration, as far as that is known."""
    if judgement.metrics:
        value, reason, message = _power(draft, judgement)
        set_condition(draft, "Underpowered", value, reason, message)


def _power(draft: Draft, judgement: Judgement) -> tuple[Value, Reason, str]:
    waiting = [one.metric for one in judgement.metrics if not _narrow_enough(one)]
    if not waiting:
        return "False", Reason.ENOUGH_POWER, "every interval is narrower than its margin"
    deadline = draft.release.step_deadline
    if deadline is None:
        return "Unknown", Reason.NO_MAX_DURATION, "the step has no maxDuration that a decision could come too late for"
    # As written down, because a rate that drifts between two batches must not turn the condition around.
    known = [entry for entry in draft.status.evidence if entry.metric in waiting and entry.eta is not None]
    late = next((entry for entry in known if entry.eta is not None and entry.eta > deadline), None)
    if late is not None and judgement.verdict != "Pass":
        message = (
            f"{late.metric} cannot be decided before the step's maxDuration at the present rate of labels; "
            f"use analysis.pairing, a longer maxDuration or a wider margin (detectable now: {late.detectable})"
        )
        return "True", Reason.UNDERPOWERED, message
    if len(known) < len(waiting):
        unknown = next(name for name in waiting if name not in {entry.metric for entry in known})
        return "Unknown", Reason.RATE_UNKNOWN, f"{unknown}: no users with labels come, or not enough to tell their rate"
    return "False", Reason.ENOUGH_POWER, "a decision can be reached in time"


def _narrow_enough(one: MetricJudgement) -> bool:
    return one.interval is not None and one.margin is not None and one.interval.half_width <= one.margin
