"""What an Experiment decides from its evidence: Ship, Reject, KeepControl, Extend, Invalid, or nothing yet. Pure.

    Invalid      users do not fall into the arms as they were assigned: no number can be believed     at once
    Reject       a gating metric is proven to be worse by more than its margin                        at once
    Ship         the primary metric is proven to be better, every guardrail not to be worse by its
                 margin, and enough users, scored interactions and whole days are in                  at once
    KeepControl  the primary metric is proven not to be better, or time is up and the interval is
                 narrow enough to say that nothing worth having was missed
    Extend       time is up and the interval is still wider than the margin: more data would decide

Every bound is always valid, so a decision may be taken at any look. The false rejections of all gating metrics
together keep to ``alpha``; Ship needs all of them at once and so no correction (an intersection-union test, R2 F15).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite, log
from typing import Literal

from pawl.api.analysis import AnalysisMetric
from pawl.api.experiment import Decision
from pawl.api.meta import Verdict
from pawl.comparison import MetricJudgement
from pawl.estimate import Interval, Question, estimate, seconds_to_decision
from pawl.evidence import CANDIDATE, PAIRED, STABLE, Flaw, MetricEvidence, ReleaseEvidence
from pawl.margins import MIRRORED_METRICS, enough_users, harm_margin, least_users

INVALID_ALPHA = 0.001
"""At which a sample ratio mismatch ends the experiment."""
DAY = timedelta(days=1)
Role = Literal["Primary", "Guardrail", "Secondary"]


@dataclass(frozen=True, slots=True)
class GatedMetric:
    """One metric with everything filled in; a Secondary one is reported and decides nothing."""

    metric: AnalysisMetric
    role: Role


@dataclass(frozen=True, slots=True)
class DecisionPlan:
    """What was fixed before the first user was assigned. ``min_samples`` counts scored interactions of each arm."""

    metrics: tuple[GatedMetric, ...]
    alpha: float
    ship_alpha: float
    expected_users: float
    min_users: int
    min_samples: int
    max_duration: timedelta
    whole_days: bool
    mirrored: bool

    @property
    def gating(self) -> int:
        """How many metrics may reject."""
        return sum(entry.role != "Secondary" for entry in self.metrics)

    @property
    def primary(self) -> str:
        """The metric that decides."""
        return next(entry.metric.name for entry in self.metrics if entry.role == "Primary")


@dataclass(frozen=True, slots=True)
class ExperimentJudgement:
    """A decision with its reason and a sentence; ``decision`` None: not yet. ``wake_at``: when time alone may change
    that.
    """

    decision: Decision | None
    reason: str
    message: str
    metrics: tuple[MetricJudgement, ...] = ()
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Judged:
    entry: GatedMetric
    judgement: MetricJudgement
    users: int
    samples: int


def decide_experiment(
    plan: DecisionPlan, evidence: ReleaseEvidence, started: datetime, now: datetime
) -> ExperimentJudgement:
    """Return what fresh ``evidence`` decides of an experiment whose first user was assigned at ``started``."""
    mismatch = _mismatch(plan, evidence)
    judged = [_judge(plan, entry, evidence, now) for entry in plan.metrics]
    metrics = tuple(one.judgement for one in judged)
    if mismatch is not None:
        return ExperimentJudgement("Invalid", "SampleRatioMismatch", mismatch, metrics)
    gating = [one for one in judged if one.entry.role != "Secondary"]
    harmed = next((one for one in gating if one.judgement.verdict == "Fail"), None)
    if harmed is not None:
        return ExperimentJudgement("Reject", "HarmProven", harmed.judgement.message, metrics)
    waits = _waits(plan, gating, started, now)
    if not waits:
        said = "; ".join(one.judgement.message for one in gating)
        return ExperimentJudgement("Ship", "ProvenBetter", said, metrics)
    primary = next(one for one in gating if one.entry.role == "Primary").judgement
    if primary.reason == "ProvenNotBetter":
        return ExperimentJudgement("KeepControl", "ProvenNotBetter", primary.message, metrics)
    end = started + plan.max_duration
    if now >= end:
        return _time_is_up(primary, waits, metrics)
    wake = min(end, _next_day(started, now)) if plan.whole_days else end
    return ExperimentJudgement(None, "AwaitingEvidence", "; ".join(waits), metrics, wake)


def _time_is_up(
    primary: MetricJudgement, waits: Sequence[str], metrics: tuple[MetricJudgement, ...]
) -> ExperimentJudgement:
    interval, margin = primary.interval, primary.margin
    narrow = interval is not None and margin is not None and interval.half_width <= margin
    why = "; ".join(waits)
    if narrow:
        return ExperimentJudgement("KeepControl", "NotBetterInTime", f"maxDuration is over: {why}", metrics)
    message = f"maxDuration is over and more data is needed to decide: {why}"
    return ExperimentJudgement("Extend", "Underpowered", message, metrics)


def _waits(plan: DecisionPlan, gating: Sequence[_Judged], started: datetime, now: datetime) -> list[str]:
    """Return what Ship still waits for, in sentences; empty: nothing."""
    found = [one.judgement.message for one in gating if one.judgement.verdict != "Pass"]
    for one in gating:
        name, need = one.entry.metric.name, max(plan.min_users, enough_users(one.entry.metric))
        if one.users < need:
            found.append(f"{name}: {one.users} of {need} users")
        if one.entry.role == "Primary" and one.samples < plan.min_samples:
            found.append(f"{name}: {one.samples} of {plan.min_samples} scored interactions in an arm")
    if plan.whole_days and not _whole_days(started, now):
        found.append("a whole number of days is not over")
    return found


def _whole_days(started: datetime, now: datetime) -> bool:
    """Return whether every hour of the day has been seen alike: within the hour after a whole number of days."""
    return now - started >= DAY and (now - started) % DAY < DAY / 24


def _next_day(started: datetime, now: datetime) -> datetime:
    return started + DAY * ((now - started) // DAY + 1)


def _judge(plan: DecisionPlan, entry: GatedMetric, evidence: ReleaseEvidence, now: datetime) -> _Judged:
    metric = entry.metric
    groups, flaw = evidence.steps_of(metric.name), evidence.flaw_of(metric.name)
    if flaw is not None:
        message = f"{metric.name}: the monitor's series contradict each other ({flaw.value})"
        return _Judged(entry, MetricJudgement(metric.name, 1, "Unavailable", flaw.value, message), 0, 0)
    question = _question(plan, metric)
    interval = estimate(groups, question)
    if interval is None:
        reason = "TooFewUsers" if groups else "NoClosedBatch"
        message = f"{metric.name}: {'fewer than two users in an arm' if groups else 'no closed batch'} so far"
        batch = groups[-1].batch if groups else 0
        return _Judged(entry, MetricJudgement(metric.name, 1, "NoData", reason, message, batch=batch), 0, 0)
    if not isfinite(interval.estimate):
        message = f"{metric.name}: what was summed up is no number"
        return _Judged(entry, MetricJudgement(metric.name, 1, "Unavailable", Flaw.NON_FINITE.value, message), 0, 0)
    margin = harm_margin(metric, interval.stable_value)
    verdict, reason, message = _compare(entry, interval, margin)
    newest = groups[-1]
    wait = seconds_to_decision(interval, margin, newest.label_rate, question) if margin else None
    judgement = MetricJudgement(
        metric.name,
        1,
        verdict,
        reason,
        message,
        batch=newest.batch,
        watermark=newest.watermark,
        interval=interval,
        margin=margin,
        detectable=margin + interval.half_width if margin is not None else None,
        eta=now + timedelta(seconds=round(wait)) if wait is not None and 0 < wait < 3.2e9 else None,
        log_e=newest.log_e.get("harm"),
    )
    return _Judged(entry, judgement, interval.users, _samples(groups, interval))


def _question(plan: DecisionPlan, metric: AnalysisMetric) -> Question:
    pairs = plan.mirrored and metric.name in MIRRORED_METRICS
    # Two intervals, of arms and of pairs, may decide; each gets half.
    share = 2 if pairs else 1
    return Question(
        harm_alpha=plan.alpha / plan.gating / share,
        safe_alpha=plan.ship_alpha / share,
        expected=plan.expected_users,
        higher_is_better=metric.direction != "Lower",
        paired_from=enough_users(metric) if pairs else None,
    )


def _compare(entry: GatedMetric, interval: Interval, margin: float | None) -> tuple[Verdict, str, str]:
    shown = _sentence(entry.metric, interval)
    if margin is None:
        return "Inconclusive", "MarginUnknown", f"{shown}: a relative margin needs a control value other than 0"
    enough = interval.users >= least_users(entry.metric)
    if interval.upper < -margin and enough:
        return "Fail", "HarmProven", f"{shown} is beyond the margin {margin:.4g}"
    if entry.role == "Primary":
        if interval.lower > 0:
            return "Pass", "ProvenBetter", f"{shown} is better than control"
        if interval.upper <= 0 and enough:
            return "Inconclusive", "ProvenNotBetter", f"{shown} is not better than control"
        return "Inconclusive", "NotYetBetter", f"{shown} does not exclude that nothing is gained"
    if interval.lower > -margin:
        return "Pass", "EvidencePasses", f"{shown} excludes the margin {margin:.4g}"
    return "Inconclusive", "NotYetNonInferior", f"{shown} does not exclude the margin {margin:.4g}"


def _sentence(metric: AnalysisMetric, interval: Interval) -> str:
    better = (interval.estimate >= 0) == (metric.direction != "Lower")
    place = "equal to control" if interval.estimate == 0 else f"{'above' if better else 'below'} control"
    amount = "" if interval.estimate == 0 else f"{abs(interval.estimate):.2g} "
    kind = "pairs of users" if interval.paired else "users"
    return (
        f"{metric.name} {amount}{place} (interval {interval.lower:.2g}..{interval.upper:.2g}, {interval.users} {kind})"
    )


def _samples(groups: Sequence[MetricEvidence], interval: Interval) -> int:
    """Return the scored interactions of the smaller arm, or those that were scored for both arms."""
    arms = (PAIRED,) if interval.paired else (CANDIDATE, STABLE)
    return min(sum(group.samples.get(arm, 0) for group in groups) for arm in arms)


def _mismatch(plan: DecisionPlan, evidence: ReleaseEvidence) -> str | None:
    for entry in plan.metrics:
        for group in evidence.steps_of(entry.metric.name):
            if group.log_e.get("srm", 0.0) >= log(1.0 / INVALID_ALPHA):
                return (
                    f"users do not fall into the arms as assigned ({entry.metric.name}, batch {group.batch}): find "
                    "out where they are lost (an assigner down, an arm that logs less), then ask again"
                )
    return None
