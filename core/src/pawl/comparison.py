"""One metric of a release: candidate against stable, as a verdict with an interval and a sentence. Pure.

What is asked of the metric is fixed by the plan before the release starts; what the evidence answers is compared with
the margin, in the order of `pawl.verdicts`: harm first, then everything that forbids to say that there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import log

from pawl.api.analysis import AnalysisMetric
from pawl.api.meta import Verdict
from pawl.api.rollout_status import ReleasePlan
from pawl.api.steps import Requirement
from pawl.estimate import Interval, Question, enough_pairs, estimate, seconds_to_decision
from pawl.evidence import BY_REQUEST, CANDIDATE, STABLE, MetricEvidence, ReleaseEvidence
from pawl.margins import MIRRORED_METRICS, enough_users, harm_margin, least_users

SPLIT_ALPHA = 0.01
_SPLITS = {"srm": "SampleRatioMismatch", "response": "ResponseBias"}


@dataclass(frozen=True, slots=True)
class MetricJudgement:
    """One metric as judged; ``detectable`` is the smallest harm that this much data could have shown."""

    metric: str
    step: int
    verdict: Verdict
    reason: str
    message: str
    batch: int = 0
    watermark: datetime | None = None
    interval: Interval | None = None
    margin: float | None = None
    detectable: float | None = None
    eta: datetime | None = None
    log_e: float | None = None


@dataclass(frozen=True, slots=True)
class _Ask:
    metric: AnalysisMetric
    question: Question
    requirement: Requirement
    step: int
    needed: int
    both_live: bool
    mirrored: bool
    """Pairs come from answers of both revisions to one request, so they go on where one arm has all traffic."""
    now: datetime = field(compare=False)


def question_of(plan: ReleasePlan, metric: AnalysisMetric) -> Question:
    """Return what is asked of ``metric``: harm at alpha over the number of metrics, harmlessness at alpha.

    Harmlessness needs no correction: every metric that must be harmless has to be shown so (intersection-union test).
    Where pairs are possible there are two intervals, of arms and of pairs. Either may decide, so each gets half.
    """
    both_arms = plan.mode == BY_REQUEST
    pairs = both_arms or _mirrored(plan, metric)
    alpha = float(plan.analysis.alpha) / (2 if pairs else 1)
    return Question(
        harm_alpha=alpha / len(plan.analysis.metrics),
        safe_alpha=alpha,
        expected=float(plan.analysis.expected_users),
        higher_is_better=metric.direction != "Lower",
        paired_from=enough_users(metric) if pairs else None,
        users_in_both=both_arms,
    )


def _mirrored(plan: ReleasePlan, metric: AnalysisMetric) -> bool:
    return plan.analysis.pairing.mode != "None" and metric.name in MIRRORED_METRICS


def judge_metric(
    plan: ReleasePlan, metric: AnalysisMetric, step: int, evidence: ReleaseEvidence, now: datetime
) -> MetricJudgement:
    """Return what the evidence of ``metric``, up to ``step`` (1-based) of ``plan``, says of the candidate."""
    groups, flaw = evidence.steps_of(metric.name), evidence.flaw_of(metric.name)
    if flaw is not None:
        message = f"{metric.name}: the monitor's series contradict each other ({flaw.value}): holding"
        return MetricJudgement(metric.name, step, "Unavailable", flaw.value, message)
    rules = plan.steps[step - 1]
    ask = _Ask(
        metric,
        question_of(plan, metric),
        rules.require or "NoHarm",
        step,
        rules.min_users or enough_users(metric),
        plan.weight_of(step) < 100,
        _mirrored(plan, metric) and any(group.paired is not None for group in groups),
        now,
    )
    interval = estimate(groups, ask.question)
    if interval is None:
        return _without_interval(ask, groups)
    margin = harm_margin(metric, interval.stable_value)
    verdict, reason, message = _compare(ask, groups, interval, margin)
    newest = groups[-1]
    wait = seconds_to_decision(interval, margin, newest.label_rate, ask.question) if margin else None
    return MetricJudgement(
        metric.name,
        step,
        verdict,
        reason,
        message,
        batch=newest.batch,
        watermark=newest.watermark,
        interval=interval,
        margin=margin,
        detectable=margin + interval.half_width if margin is not None else None,
        eta=_later(now, wait),
        log_e=newest.log_e.get("harm"),
    )


def _without_interval(ask: _Ask, groups: Sequence[MetricEvidence]) -> MetricJudgement:
    name = ask.metric.name
    if not (ask.both_live or ask.mirrored):
        message = f"{name}: not comparable at 100 percent, and no earlier step has evidence"
        return MetricJudgement(name, ask.step, "Pass", "NotApplicable", message)
    reason = "TooFewUsers" if groups else "NoClosedBatch"
    message = f"{name}: {'fewer than two users in an arm' if groups else 'no closed batch'} so far: holding"
    return MetricJudgement(name, ask.step, "NoData", reason, message, batch=groups[-1].batch if groups else 0)


def _compare(
    ask: _Ask, groups: Sequence[MetricEvidence], interval: Interval, margin: float | None
) -> tuple[Verdict, str, str]:
    shown = _sentence(ask.metric, interval)
    if margin is None:
        return "Inconclusive", "MarginUnknown", f"{shown}: a relative margin needs a stable value other than 0: holding"
    if interval.upper < -margin and interval.users >= least_users(ask.metric):
        return "Fail", "HarmProven", f"{shown} is beyond the margin {margin:.4g}: rolling back"
    if interval.upper < -margin:
        # Too few to act on is not harmless either, whatever the step asks for.
        least = least_users(ask.metric)
        return "NoData", "TooFewUsers", f"{shown} would be harm, from {interval.users} of {least} users: holding"
    split = _split(groups, interval)
    if split is not None:
        return "Inconclusive", split, f"{shown}: users do not fall into the arms as they should ({split}): holding"
    if _margin_exceeds(ask.metric, interval, margin):
        return "Inconclusive", "MarginExceedsMetric", f"{shown}: the margin {margin:.4g} is as large as stable's value"
    # At 100 percent stable answers nobody: without a mirror there is what the earlier steps showed, and no more.
    compared = ask.both_live or (ask.mirrored and enough_pairs(groups, ask.question))
    if compared and (have := _users_in_step(groups, ask)) < ask.needed:
        return "NoData", "TooFewUsers", f"{shown}: {have} of {ask.needed} users in this step: holding"
    if ask.requirement == "NonInferior" and ask.metric.role == "Primary" and interval.lower <= -margin:
        return "Inconclusive", "NotYetNonInferior", f"{shown} does not exclude the margin {margin:.4g} yet: holding"
    word = "excludes" if interval.lower > -margin else "does not prove harm beyond"
    return "Pass", "EvidencePasses", f"{shown} {word} the margin {margin:.4g}"


def _sentence(metric: AnalysisMetric, interval: Interval) -> str:
    better = interval.estimate >= 0
    above = better == (metric.direction != "Lower")
    place = "equal to stable" if interval.estimate == 0 else f"{'above' if above else 'below'} stable"
    amount = "" if interval.estimate == 0 else f"{abs(interval.estimate):.2g} "
    return (
        f"{metric.name} {amount}{place} (interval {interval.lower:.2g}..{interval.upper:.2g}, {interval.users} users)"
    )


def _margin_exceeds(metric: AnalysisMetric, interval: Interval, margin: float) -> bool:
    absolute = metric.margin is not None and metric.margin.absolute is not None
    higher = metric.direction != "Lower"
    # What is better for certain loses nothing, however wide the margin is.
    unproven = interval.lower <= 0
    return absolute and higher and unproven and interval.stable_value is not None and margin >= interval.stable_value


def _split(groups: Sequence[MetricEvidence], interval: Interval) -> str | None:
    if interval.paired:
        return None
    for question, reason in _SPLITS.items():
        if any(group.log_e.get(question, 0.0) >= log(1.0 / SPLIT_ALPHA) for group in groups):
            return reason
    return None


def _users_in_step(groups: Sequence[MetricEvidence], ask: _Ask) -> int:
    """Return how many users both arms have had in the step: side by side, or with answers to the same request."""
    for group in groups:
        if group.step == ask.step:
            live = min((group.arms[arm].users if arm in group.arms else 0) for arm in (CANDIDATE, STABLE))
            # Users whose requests fell to both arms are among those already.
            return max(live, group.paired.users if ask.mirrored and group.paired is not None else 0)
    return 0


def _later(now: datetime, seconds: float | None) -> datetime | None:
    # Beyond a century a date says nothing, and datetime ends before infinity does.
    return now + timedelta(seconds=round(seconds)) if seconds is not None and 0 < seconds < 3.2e9 else None
