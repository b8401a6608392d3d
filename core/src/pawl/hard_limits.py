"""Limits that need no statistics: crashes, lost readiness, failed requests, slow answers. A breach rolls back at
once.

Crashes and readiness come from the API server, because a dead server exports no errors. Error rate and p99 come from
the gateway and are read over the last `for` of the present step; where that holds fewer than `minRequests`, over the
last `minRequests` requests, however long ago in this step they were: at one request a minute that is an hour. Only
samples of the last minutes are dense; older ones lie up to a quarter of their age apart (after a restart of the
operator up to half), so such a window may be that much longer than it has to be, never shorter.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pawl.api.analysis import HardLimits
from pawl.durations import format_duration, parse_duration
from pawl.gateway import GatewayCounters
from pawl.rates import parse_percent

_DENSE = timedelta(minutes=10)
_SEARCH_STEPS = 12


@dataclass(frozen=True, slots=True)
class WorkloadHealth:
    """The candidate's pods: how many are wanted and ready, restarts of its present pods, and when things went wrong."""

    desired: int
    ready: int
    restarts: int = 0
    last_terminated: datetime | None = None
    not_ready_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken limit. ``first_harm`` is t0 as far as it is known, ``seen_at`` t1."""

    cause: str
    message: str
    first_harm: datetime | None
    seen_at: datetime


def lookback(limits: HardLimits) -> timedelta:
    """Return how far back every gateway sample is needed: the longest `for`, and some time for requests to come in.

    From there to the step's start a few samples are enough.
    """
    spans = [parse_duration(limits.error_rate.for_)]
    if limits.p99 is not None:
        spans.append(parse_duration(limits.p99.for_))
    return max(spans) + _DENSE


def workload_breach(limits: HardLimits, workload: WorkloadHealth, now: datetime) -> Breach | None:
    """Return the limit that the candidate's pods break, if they do. Call it only while the candidate has traffic."""
    if workload.restarts > limits.restarts.limit:
        message = f"{workload.restarts} restarts of the candidate are more than the limit {limits.restarts.limit}"
        return Breach("CrashLoop", message, workload.last_terminated, now)
    if workload.ready > 0 or workload.desired == 0:
        return None
    since = workload.not_ready_since or now
    allowed = parse_duration(limits.readiness.for_)
    if now - since < allowed:
        return None
    message = f"no pod of the candidate is ready (0 of {workload.desired}, allowed for {limits.readiness.for_})"
    return Breach("NotReady", message, since, now)


def gateway_breach(limits: HardLimits, counters: GatewayCounters, since: datetime, now: datetime) -> Breach | None:
    """Return the limit that the candidate's requests break, if they do; ``since`` is the start of the present step."""
    return _error_breach(limits, counters, since, now) or _latency_breach(limits, counters, since, now)


def _error_breach(limits: HardLimits, counters: GatewayCounters, since: datetime, now: datetime) -> Breach | None:
    rule = limits.error_rate
    start = _window(counters, parse_duration(rule.for_), rule.min_requests, since, now)
    if start is None:
        return None
    requests, errors = counters.requests_since(start), counters.errors_since(start)
    if errors / requests <= parse_percent(rule.limit):
        return None
    message = (
        f"{errors:.0f} of the candidate's {requests:.0f} requests failed in {_age(start, now)}: "
        f"{100 * errors / requests:.1f}% is above the limit {rule.limit}"
    )
    return Breach("ErrorRate", message, counters.first_error(since), _newest(counters, now))


def _latency_breach(limits: HardLimits, counters: GatewayCounters, since: datetime, now: datetime) -> Breach | None:
    rule = limits.p99
    if rule is None:
        return None
    start = _window(counters, parse_duration(rule.for_), rule.min_requests, since, now)
    p99 = counters.quantile_since(0.99, start) if start is not None else None
    if start is None or p99 is None or p99 <= parse_duration(rule.limit).total_seconds():
        return None
    shown = format_duration(timedelta(milliseconds=round(p99 * 1000)))
    message = f"the candidate's 99th percentile is {shown} in {_age(start, now)}: above the limit {rule.limit}"
    return Breach("Latency", message, None, _newest(counters, now))


def _window(counters: GatewayCounters, span: timedelta, least: int, since: datetime, now: datetime) -> datetime | None:
    """Return the start of the shortest window that is long enough and holds enough requests; None: none yet."""
    latest = now - span
    if latest < since or counters.requests_since(since) < least:
        return None
    if counters.requests_since(latest) >= least:
        return latest
    # Requests only become more towards the past, so halving finds the boundary.
    low, high = since, latest
    for _ in range(_SEARCH_STEPS):
        middle = low + (high - low) / 2
        if counters.requests_since(middle) >= least:
            low = middle
        else:
            high = middle
    return low


def _newest(counters: GatewayCounters, now: datetime) -> datetime:
    return min(now, max((series.samples[-1][0] for series in counters.requests if series.samples), default=now))


def _age(start: datetime, now: datetime) -> str:
    return format_duration(timedelta(seconds=max(1, round((now - start).total_seconds()))))
