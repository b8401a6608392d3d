"""Days of samples in a few dozen a series: what is kept, what is forgotten, and what can still be counted from it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pawl.api.analysis import HardLimits
from pawl.gateway import GatewayCounters
from pawl.hard_limits import gateway_breach, lookback
from pawl_operator.arm_samples import GATEWAY, ArmSources
from pawl_operator.prometheus import RawSeries
from pawl_operator.sample_ring import SampleRing

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
SCRAPE = timedelta(seconds=15)
DENSE = timedelta(minutes=11)
ARMS = ArmSources((("candidate", ("c0",)),))
Count = Callable[[timedelta], float | None]


def series(name: str, samples: list[tuple[datetime, float]], **labels: str) -> RawSeries:
    return RawSeries(name, {"envoy_cluster_name": "c0", "instance": "envoy-1"} | labels, tuple(samples))


def run(hours: float, requests: Count, errors: Count, keep_every: int = 4) -> tuple[SampleRing, datetime]:
    """Scrape one proxy for some hours; None: the proxy does not expose that counter yet."""
    ring, now = SampleRing(GATEWAY), START
    counts = {("2", requests), ("5", errors)}
    for number in range(round(timedelta(hours=hours) / SCRAPE) + 1):
        now = START + number * SCRAPE
        seen = [(code, count(now - START)) for code, count in counts]
        before = now - SCRAPE
        news = [series(GATEWAY.presence, [(before, 1.0), (now, 1.0)])]
        news += [
            series(GATEWAY.requests, [(now, value)], envoy_response_code_class=code)
            for code, value in seen
            if value is not None
        ]
        ring.add(news)
        if number % keep_every == 0:
            ring.keep({"c0": START}, now - DENSE, now)
    ring.keep({"c0": START}, now - DENSE, now)
    return ring, now


def candidate(ring: SampleRing) -> GatewayCounters:
    [found] = ring.counters([ARMS])
    return found["candidate"]


def per_minute(rate: float, after: timedelta = timedelta(0)) -> Count:
    return lambda age: float(int(rate * max(timedelta(0), age - after) / timedelta(minutes=1)))


def never(age: timedelta) -> None:
    return None


@pytest.fixture(scope="module")
def three_days() -> tuple[SampleRing, datetime]:
    return run(72, per_minute(1.0), per_minute(0.5))


def test_a_step_of_three_days_costs_a_few_dozen_samples(three_days: tuple[SampleRing, datetime]) -> None:
    found = candidate(three_days[0])
    dense = DENSE / SCRAPE
    assert all(dense < len(one.samples) < dense + 70 for one in (*found.requests, *found.errors))


@pytest.mark.parametrize("age", [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=9), timedelta(hours=72)])
def test_a_window_of_any_age_can_be_counted(three_days: tuple[SampleRing, datetime], age: timedelta) -> None:
    ring, now = three_days
    found, true = candidate(ring), 1.5 * age / timedelta(minutes=1)
    requests, errors = found.requests_since(now - age), found.errors_since(now - age)
    assert 0.7 * true <= requests <= true + 2
    assert errors / requests == pytest.approx(1 / 3, abs=0.05), "both are counted from the same moment"


def test_the_steps_first_sample_stays(three_days: tuple[SampleRing, datetime]) -> None:
    found = candidate(three_days[0])
    assert {one.samples[0][0] for one in found.requests} == {START}
    assert found.requests_since(START) == 72 * 60 * 1.5


def test_a_restart_of_the_proxy_long_ago_still_counts() -> None:
    def restarted(age: timedelta) -> float:
        minutes = age / timedelta(minutes=1)
        return minutes if minutes < 100 else minutes - 100

    ring, _ = run(12, restarted, never)
    assert candidate(ring).requests_since(START) == pytest.approx(12 * 60, abs=1)


def test_a_first_error_counts_however_long_ago_it_was() -> None:
    """The series appears with its first increment; the scrape before it, perhaps dropped since, stands for zero."""
    late = per_minute(1.0, after=timedelta(hours=5))
    ring, _ = run(12, per_minute(1.0), lambda age: late(age) or None)
    assert candidate(ring).errors_since(START) == 7 * 60


def test_what_was_counted_before_the_step_does_not_count() -> None:
    ring, now = run(2, per_minute(1.0), lambda age: 40.0 if age > timedelta(hours=1) else None)
    assert candidate(ring).errors_since(START) == 40
    ring.keep({"c0": START + timedelta(hours=1, minutes=30)}, now - DENSE, now)
    found = candidate(ring)
    assert found.errors_since(START) == 0
    assert found.requests_since(START) == 30


def test_a_value_that_nobody_wants_is_forgotten() -> None:
    ring, now = run(1, per_minute(1.0), never)
    assert ring.newest(["c0"]) == now
    ring.keep({"other": START}, now - DENSE, now)
    assert ring.newest(["c0"]) is None
    assert candidate(ring) == GatewayCounters()


def test_one_request_a_minute_is_enough_for_the_error_limit() -> None:
    """200 people: a candidate that begins to fail after a day is rolled back by its last fifty requests."""
    limits = HardLimits()
    ring, now = SampleRing(GATEWAY), START
    for minute in range(24 * 60 + 10):
        now = START + minute * timedelta(minutes=1)
        bad = max(0, minute - 24 * 60)
        ring.add([series(GATEWAY.requests, [(now, float(minute - bad))], envoy_response_code_class="2")])
        ring.add([series(GATEWAY.requests, [(now, float(bad))], envoy_response_code_class="5")])
        ring.keep({"c0": START}, now - lookback(limits), now)
        if gateway_breach(limits, candidate(ring), START, now) is not None:
            break
    assert timedelta(hours=24) < now - START < timedelta(hours=24, minutes=6)
