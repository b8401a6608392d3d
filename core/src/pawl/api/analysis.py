"""What a release or an experiment is judged by: metrics, margins, hard limits, pairing."""

from typing import Annotated, Literal

from pydantic import Field

from pawl.api.meta import ApiModel, Direction, Duration, Margin, Name, PairingMode, Percent, Probability
from pawl.api.rules import Cel, ListMap, Whole
from pawl.durations import parse_duration
from pawl.rates import parse_percent

MinUsers = Annotated[int, Whole(10, 100_000_000)]
Requests = Annotated[int, Whole(1, 1_000_000_000)]


class AnalysisMetric(ApiModel):
    """One metric that is compared between the arms."""

    name: Name
    """name of a metric that the monitor computes: accuracy or latency."""
    role: Literal["Primary", "Guardrail"] = "Guardrail"
    """role: the one Primary has to be shown non-inferior; a Guardrail only must not be proven harmed."""
    direction: Direction | None = None
    """direction says which way is better; absent: as the Component says."""
    margin: Margin | None = None
    """margin is the loss that still counts as harmless; absent: as the Component says."""
    min_users: MinUsers | None = None
    """minUsers is how many users each arm needs before the metric is judged; absent: as the Component says, else 30."""


AnalysisMetrics = Annotated[
    tuple[AnalysisMetric, ...],
    Field(max_length=8),
    ListMap("name"),
    Cel(
        "self.size() == 0 || self.filter(m, m.role == 'Primary').size() == 1",
        "exactly one metric must have role Primary: give it to the one that decides",
        lambda items: not items or sum(item.role == "Primary" for item in items) == 1,
    ),
]


class Pairing(ApiModel):
    """Both revisions answer the same request: the same decision from far fewer labels."""

    mode: PairingMode = "None"
    """mode: Mirror (the gateway copies requests), Replay (the monitor sends logged inputs), Client (the SDK asks
    both)."""
    percent: Annotated[int, Whole(1, 100)] = 100
    """percent of requests that both revisions answer."""


def _within_percent(message: str) -> Cel:
    return Cel("double(self.replace('%', '')) <= 100.0", message, lambda value: parse_percent(value) <= 1)


class ErrorRateLimit(ApiModel):
    """The share of failed requests of the candidate, read at the gateway."""

    limit: Annotated[Percent, _within_percent("limit is a share of requests: write at most 100%")] = "5%"
    """limit above which the candidate is rolled back."""
    for_: Annotated[Duration, Field(alias="for")] = "30s"
    """for is the time over which the rate is read; it must lie above the limit over the whole of it."""
    min_requests: Requests = 50
    """minRequests is how many requests the candidate must have had in the step before the rate means anything; where
    `for` holds fewer, the last minRequests count, back to the step's start."""


class LatencyLimit(ApiModel):
    """The 99th percentile of the candidate's answer time, read at the gateway."""

    limit: Duration
    """limit above which the candidate is rolled back."""
    for_: Annotated[Duration, Field(alias="for")] = "30s"
    """for is the time over which the percentile is read; it must lie above the limit over the whole of it."""
    min_requests: Requests = 100
    """minRequests is how many requests the candidate must have had in the step before the percentile means anything;
    where `for` holds fewer, the last minRequests count, back to the step's start."""


class RestartLimit(ApiModel):
    """Restarts of the candidate's containers."""

    limit: Annotated[int, Whole(0, 1000)] = 2
    """limit of restarts in one release; one more rolls back."""


class ReadinessLimit(ApiModel):
    """Readiness of the candidate's pods, once they have been ready."""

    for_: Annotated[Duration, Field(alias="for")] = "30s"
    """for is how long no pod may be ready."""


class HardLimits(ApiModel):
    """Limits that need no statistics: broken for long enough, the candidate is rolled back at once."""

    error_rate: ErrorRateLimit = ErrorRateLimit()
    """errorRate limits failed requests."""
    p99: LatencyLimit | None = None
    """p99 limits the slowest answers; absent: no limit."""
    restarts: RestartLimit = RestartLimit()
    """restarts limits crashes."""
    readiness: ReadinessLimit = ReadinessLimit()
    """readiness limits how long no pod is ready."""


def at_least(wire: str, attribute: str, least: str) -> Cel:
    """A duration field that must not be shorter than `least`."""
    return Cel(
        f"duration(self.{wire}) >= duration('{least}')",
        f"{wire} is too short: write {least} or longer",
        lambda value: parse_duration(getattr(value, attribute)) >= parse_duration(least),
        field=wire,
    )


class Analysis(ApiModel):
    """How evidence is gathered and judged."""

    metrics: AnalysisMetrics = ()
    """metrics to compare between stable and candidate; empty: only hardLimits decide."""
    interval: Duration = "60s"
    """interval between two evaluations."""
    alpha: Probability = "0.05"
    """alpha is the probability, over the whole release, of rolling back a candidate that does no harm."""
    window: Duration = "24h"
    """window is how long a user is observed from the first interaction of a step; then the user counts, once."""
    label_delay: Duration = "0s"
    """labelDelay is how long after the window's end feedback may still arrive."""
    expected_users: Annotated[int, Whole(10, 1_000_000_000)] = 2000
    """expectedUsers is the number of users at which the interval shall be tightest."""
    on_stall: Literal["Hold", "Rollback"] = "Hold"
    """onStall says what happens when a step's maxDuration ends without a decision."""
    pairing: Pairing = Pairing()
    """pairing lets both revisions answer the same requests."""
    hard_limits: HardLimits = HardLimits()
    """hardLimits roll back at once."""

    rules = (at_least("interval", "interval", "1s"), at_least("window", "window", "1s"))
