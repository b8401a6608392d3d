"""From evidence to one of five verdicts, each with a reason for machines and a sentence for people. Pure.

    Fail          harm beyond the margin is proven, or a hard limit is broken          -> roll back, at once
    Unavailable   what was measured cannot be read, is old, or contradicts itself      -> hold, the clock stops
    NoData        too few users, or no closed batch yet                                -> hold
    Inconclusive  not shown to be harmless where that is asked, or the split is off    -> hold
    Pass          none of these                                                        -> may raise once the hold is
    over

The worst of all metrics counts, in this order. Fail comes first: a broken limit or proven harm is fresh by
definition, and no missing number elsewhere makes it less true. So each limit is judged as soon as what it is read from
can be trusted: pods without Prometheus, requests without the monitor. Old evidence proves nothing, neither harm nor
harmlessness.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pawl.api.meta import Verdict
from pawl.api.rollout_status import ReleasePlan
from pawl.comparison import MetricJudgement, judge_metric
from pawl.evidence import CANDIDATE, ReleaseEvidence
from pawl.gateway import GatewayCounters
from pawl.hard_limits import Breach, WorkloadHealth, gateway_breach, workload_breach

SKEW_LIMIT = timedelta(seconds=5)
_ORDER: tuple[Verdict, ...] = ("Fail", "Unavailable", "NoData", "Inconclusive", "Pass")
_UNSCRAPED = (
    "Prometheus has no fresh sample of the arms' requests: holding; let it scrape the gateway's proxies (where "
    "operator.gatewayMetrics is false: Pawl's model servers)"
)


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that a judgement rests on besides the plan."""

    evidence: ReleaseEvidence | None
    """The monitor's evidence about this very release; None: there is none."""
    gateway: Mapping[str, GatewayCounters] | None
    """Counters by arm; empty: the route has no arms; None: they could not be read, or nobody scrapes them any more."""
    workload: WorkloadHealth
    step_started_at: datetime
    """When the step's weight was verified, or while it is not, since when the candidate has been on the route; hard
    limits look no further back."""
    fresh_at: datetime | None
    """When Prometheus last answered."""
    max_age: timedelta
    """Age from which an answer, or the monitor's last look, is too old."""
    clock_skew: timedelta = timedelta(0)
    seen_before: bool = False
    """Whether this release had evidence earlier: then none now means that it was lost."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on the present step. ``first_harm`` is t0 and ``seen_at`` t1 of a Fail, as far as they are known."""

    verdict: Verdict
    reason: str
    message: str
    metrics: tuple[MetricJudgement, ...] = ()
    first_harm: datetime | None = None
    seen_at: datetime | None = None


def judge(plan: ReleasePlan, step: int, seen: Observations, now: datetime) -> Judgement:
    """Return the verdict on ``step`` (1-based) of ``plan``, whose steps and metrics have everything filled in.

    While the candidate bakes, pass the last step.
    """
    breach = workload_breach(plan.analysis.hard_limits, seen.workload, now)
    if breach is not None:
        return _broken(breach)
    trouble = unreadable(seen, now)
    if trouble is not None:
        return Judgement(*trouble)
    counters = (seen.gateway or {}).get(CANDIDATE, GatewayCounters())
    breach = gateway_breach(plan.analysis.hard_limits, counters, seen.step_started_at, now)
    if breach is not None:
        return _broken(breach)
    # The monitor comes last: without it people still meet a candidate that fails.
    trouble = silent(seen, now) if plan.analysis.metrics else None
    if trouble is not None:
        return Judgement(*trouble)
    return _weigh(plan, step, seen, now)


def _broken(breach: Breach) -> Judgement:
    return Judgement("Fail", breach.cause, breach.message, (), breach.first_harm, breach.seen_at)


def unreadable(seen: Observations, now: datetime) -> tuple[Verdict, str, str] | None:
    """Return verdict, reason and sentence if nothing that comes through Prometheus can be used."""
    if seen.fresh_at is None or now - seen.fresh_at > seen.max_age:
        since = f"since {seen.fresh_at:%H:%M:%S}" if seen.fresh_at else "yet"
        return "Unavailable", "QueryFailed", f"Prometheus has not answered {since}: holding"
    if seen.clock_skew > SKEW_LIMIT:
        return "Unavailable", "ClockSkew", f"clocks differ by {seen.clock_skew.total_seconds():.0f} s: holding"
    if seen.gateway is None:
        return "Unavailable", "GatewayMetricsMissing", _UNSCRAPED
    return None


def silent(seen: Observations, now: datetime) -> tuple[Verdict, str, str] | None:
    """Return verdict, reason and sentence if the monitor says nothing that can be used about this release."""
    looked = seen.evidence.computed_at if seen.evidence is not None else None
    if seen.evidence is None or looked is None:
        if seen.seen_before:
            return "Unavailable", "EvidenceMissing", "the monitor's evidence about this release is gone: holding"
        return "NoData", "NoEvidence", "the monitor has not reported about this release yet: holding"
    if looked - now > SKEW_LIMIT:
        return "Unavailable", "ClockSkew", "the monitor's clock is ahead of ours: holding"
    if now - looked > seen.max_age:
        return "Unavailable", "EvidenceStale", f"the monitor last looked at {looked:%H:%M:%S}: holding"
    return None


def _weigh(plan: ReleasePlan, step: int, seen: Observations, now: datetime) -> Judgement:
    if seen.evidence is None or not plan.analysis.metrics:
        return Judgement("Pass", "NoMetrics", "no hard limit is broken, and no metric is compared")
    judged = tuple(judge_metric(plan, metric, step, seen.evidence, now) for metric in plan.analysis.metrics)
    worst = min(judged, key=lambda one: _ORDER.index(one.verdict))
    if worst.verdict == "Fail":
        t0, t1 = seen.evidence.first_harm, seen.evidence.computed_at
        return Judgement("Fail", worst.reason, worst.message, judged, t0, t1)
    if worst.verdict == "Pass":
        return Judgement("Pass", "EvidencePasses", "; ".join(one.message for one in judged), judged)
    return Judgement(worst.verdict, worst.reason, worst.message, judged)
