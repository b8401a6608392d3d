"""Crashes, readiness, error rate and p99: broken or not, and from when."""

from datetime import UTC, datetime, timedelta

import pytest

from pawl.api.analysis import HardLimits
from pawl.gateway import CounterSeries, GatewayCounters
from pawl.hard_limits import WorkloadHealth, gateway_breach, lookback, workload_breach

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIMITS = HardLimits.model_validate(
    {"errorRate": {"limit": "5%", "for": "30s", "minRequests": 50}, "p99": {"limit": "500ms", "for": "10s"}}
)


def traffic(per_second: float, bad: float = 0.0, seconds: int = 600, slow: float = 0.0) -> GatewayCounters:
    times = [NOW - timedelta(seconds=seconds - i) for i in range(seconds + 1)]

    def counter(rate: float) -> tuple[CounterSeries, ...]:
        return (CounterSeries(tuple((at, rate * i) for i, at in enumerate(times))),)

    buckets = {
        0.25: counter(per_second * (1 - slow)),
        1.0: counter(per_second),
        float("inf"): counter(per_second),
    }
    return GatewayCounters(counter(per_second), counter(per_second * bad), buckets)


def test_healthy_pods_break_nothing():
    assert workload_breach(LIMITS, WorkloadHealth(2, 2, 2), NOW) is None
    assert workload_breach(LIMITS, WorkloadHealth(2, 1, 0, None, NOW - timedelta(hours=1)), NOW) is None


def test_one_restart_more_than_the_limit_is_a_crash_loop():
    ended = NOW - timedelta(seconds=4)
    breach = workload_breach(LIMITS, WorkloadHealth(2, 2, 3, ended), NOW)
    assert (breach.cause, breach.first_harm, breach.seen_at) == ("CrashLoop", ended, NOW)


@pytest.mark.parametrize(("seconds", "broken"), [(29, False), (30, True), (90, True)])
def test_no_ready_pod_for_its_time_is_a_breach(seconds, broken):
    lost = NOW - timedelta(seconds=seconds)
    breach = workload_breach(LIMITS, WorkloadHealth(2, 0, 0, None, lost), NOW)
    assert (breach is not None) is broken
    if breach is not None:
        assert (breach.cause, breach.first_harm) == ("NotReady", lost)


@pytest.mark.parametrize(("bad", "cause"), [(0.049, None), (0.051, "ErrorRate"), (1.0, "ErrorRate")])
def test_the_error_rate_is_compared_with_the_limit(bad, cause):
    breach = gateway_breach(LIMITS, traffic(10, bad), NOW - timedelta(minutes=5), NOW)
    assert (breach.cause if breach else None) == cause


def test_before_its_time_is_up_nothing_is_broken():
    assert gateway_breach(LIMITS, traffic(10, 1.0), NOW - timedelta(seconds=20), NOW) is None


def test_with_little_traffic_the_last_requests_are_taken_instead():
    since = NOW - timedelta(minutes=9)
    assert gateway_breach(LIMITS, traffic(0.2, 0.5), since, NOW) is not None
    assert gateway_breach(LIMITS, traffic(0.05, 1.0), since, NOW) is None, "27 requests are too few for a rate"


def test_a_candidate_that_is_asked_once_a_minute_has_limits_too():
    """Fifty requests take fifty minutes; of what was before the last minutes only a few samples are left."""
    since = NOW - timedelta(hours=20)
    ages = [1200.0 * 0.8**i for i in range(22)] + [10.0 - i / 4 for i in range(41)]
    moments = [NOW - timedelta(minutes=age) for age in ages]

    def failing(from_: timedelta) -> GatewayCounters:
        began = NOW - from_
        requests = tuple((at, (at - since) / timedelta(minutes=1)) for at in moments)
        errors = tuple((at, max(0.0, (at - began) / timedelta(minutes=1))) for at in moments)
        return GatewayCounters((CounterSeries(requests),), (CounterSeries(errors),))

    assert gateway_breach(LIMITS, failing(timedelta(0)), since, NOW) is None
    breach = gateway_breach(LIMITS, failing(timedelta(minutes=15)), since, NOW)
    assert breach.cause == "ErrorRate"
    assert gateway_breach(LIMITS, failing(timedelta(hours=20)), NOW - timedelta(minutes=40), NOW) is None


def test_the_window_looks_at_the_step_only():
    old = traffic(10, 1.0, seconds=600)
    assert gateway_breach(LIMITS, old, NOW - timedelta(seconds=3), NOW) is None


def test_errors_that_are_over_do_not_count_again():
    times = [NOW - timedelta(seconds=120 - i) for i in range(121)]
    requests = CounterSeries(tuple((at, 10.0 * i) for i, at in enumerate(times)))
    errors = CounterSeries(tuple((at, min(200.0, 10.0 * i)) for i, at in enumerate(times)))
    counters = GatewayCounters((requests,), (errors,))
    assert gateway_breach(LIMITS, counters, times[0], NOW) is None


@pytest.mark.parametrize(("slow", "cause"), [(0.0, None), (0.5, "Latency")])
def test_the_99th_percentile_is_compared_with_its_limit(slow, cause):
    breach = gateway_breach(LIMITS, traffic(20, slow=slow), NOW - timedelta(minutes=5), NOW)
    assert (breach.cause if breach else None) == cause


def test_no_requests_break_nothing():
    assert gateway_breach(LIMITS, GatewayCounters(), NOW - timedelta(hours=1), NOW) is None


def test_enough_samples_are_asked_for():
    assert lookback(LIMITS) >= timedelta(seconds=30)
