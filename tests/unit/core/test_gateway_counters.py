"""Counters of a gateway: resets, several proxies, windows, quantiles."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl.gateway import CounterSeries, GatewayCounters

START = datetime(2026, 11, 23, tzinfo=UTC)


def series(*values: float) -> CounterSeries:
    return CounterSeries(tuple((START + timedelta(seconds=i), value) for i, value in enumerate(values)))


def test_growth_is_last_minus_first():
    assert series(10, 12, 20).increase(START) == 10
    assert series(10, 12, 20).increase(START + timedelta(seconds=1)) == 8


def test_a_fall_is_a_restart_from_zero():
    assert series(100, 110, 3, 5).increase(START) == 15


@given(st.lists(st.integers(0, 50), min_size=2, max_size=30), st.integers(0, 29))
def test_a_restart_loses_only_what_nobody_saw(steps, at):
    whole = list(accumulate(steps))
    cut = min(at, len(whole) - 1)
    broken = [value if i < cut else value - whole[cut] for i, value in enumerate(whole)]
    assert 0 <= series(*broken).increase(START) <= series(*whole).increase(START) + 0


def test_the_first_error_is_where_the_counter_first_grew():
    counters = GatewayCounters(errors=(series(4, 4, 5, 9), series(0, 0, 0, 1)))
    assert counters.first_error(START) == START + timedelta(seconds=2)
    assert GatewayCounters(errors=(series(4, 4),)).first_error(START) is None


def test_proxies_are_added():
    counters = GatewayCounters(requests=(series(0, 5), series(100, 107)), errors=(series(0, 1),))
    assert (counters.requests_since(START), counters.errors_since(START)) == (12, 1)
    assert counters.covered(START) == timedelta(seconds=1)


def test_nobody_asked_is_zero_and_no_quantile():
    empty = GatewayCounters()
    assert (empty.requests_since(START), empty.covered(START)) == (0, timedelta(0))
    assert empty.quantile_since(0.99, START) is None


def test_quantiles_come_from_merged_buckets():
    buckets = {
        0.1: (series(0, 50), series(0, 40)),
        0.5: (series(0, 50), series(0, 50)),
        float("inf"): (series(0, 50), series(0, 50)),
    }
    counters = GatewayCounters(buckets=buckets)
    assert counters.quantile_since(0.5, START) == pytest.approx(0.1 * 50 / 90)
    assert counters.quantile_since(0.95, START) == pytest.approx(0.1 + 0.4 * 0.5)


def test_a_quantile_beyond_the_last_edge_is_that_edge():
    counters = GatewayCounters(buckets={0.1: (series(0, 1),), float("inf"): (series(0, 100),)})
    assert counters.quantile_since(0.99, START) == 0.1


@given(st.lists(st.integers(0, 100), min_size=3, max_size=3), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_quantiles_grow_with_their_level(counts, low, high):
    edges = (0.1, 0.5, float("inf"))
    buckets = {edge: (series(0, total),) for edge, total in zip(edges, accumulate(counts), strict=True)}
    counters = GatewayCounters(buckets=buckets)
    first, second = (counters.quantile_since(q, START) for q in sorted((low, high)))
    assert (first is None) == (second is None)
    if first is not None:
        assert first <= second <= 0.5
