"""Counts of new examples from a Prometheus over real HTTP: one question for all loops, and no answer is no zero."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from fake_prometheus import FakePrometheus, running_prometheus

from pawl.new_examples import COMPUTED, COUNT
from pawl_operator.kube.resources import LEARNING_LOOPS, Ref
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.need_source import NeedSource
from pawl_operator.settings import read_settings

A, B = (Ref(LEARNING_LOOPS, "demo", name) for name in "ab")


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with running_prometheus() as found:
        yield found


@pytest.fixture
async def source(prometheus: FakePrometheus) -> AsyncIterator[NeedSource]:
    """A source that scrapes often, for the loops a and b."""
    env = {"PAWL_PROMETHEUS_URL": prometheus.url, "PAWL_PROMETHEUS_SELECTOR": 'cluster="eu-1"'}
    settings = read_settings(env | {"PAWL_SCRAPE_INTERVAL": "100ms", "PAWL_MONITOR_TICK": "2s"})
    found = NeedSource(settings, OperatorMetrics(), lambda: {"a": A, "b": B}, lambda _: None)
    yield found
    await found.close()


def export(prometheus: FakePrometheus, uid: str, count: float) -> None:
    """Export what the monitor would say."""
    labels = {"uid": uid, "object_kind": "LearningLoop", "instance": "monitor"}
    prometheus.gauge(COUNT, count, **labels)
    prometheus.gauge(COMPUTED, 1_700_000_000.0, **labels)


async def test_one_question_for_all_loops_with_the_selector(prometheus: FakePrometheus, source: NeedSource) -> None:
    export(prometheus, "a", 5)
    export(prometheus, "b", 0)
    await source.poll(["a", "b", "c"])
    assert prometheus.queries == ['{__name__=~"pawl_learning_.+",cluster="eu-1"}']
    counted = [source.about(uid).examples for uid in "abc"]
    assert [found.count if found is not None else None for found in counted] == [5, 0, None]


async def test_only_what_is_said_anew_is_news(prometheus: FakePrometheus, source: NeedSource) -> None:
    export(prometheus, "a", 5)
    export(prometheus, "b", 7)
    assert await source.poll(["a", "b"]) == {"a", "b"}
    assert await source.poll(["a", "b"]) == set()
    export(prometheus, "a", 6)
    assert await source.poll(["a", "b"]) == {"a"}
    export(prometheus, "a", -1)
    assert await source.poll(["a", "b"]) == {"a"}


async def test_without_an_answer_what_was_known_grows_old(prometheus: FakePrometheus, source: NeedSource) -> None:
    before = datetime.now(UTC)
    export(prometheus, "a", 5)
    await source.poll(["a"])
    known = source.about("a")
    prometheus.fail_with = 503
    assert await source.poll(["a"]) == set()
    then = source.about("a")
    assert (then.examples, then.fresh_at) == (known.examples, known.fresh_at)
    assert known.fresh_at is not None
    assert known.fresh_at >= before
    assert known.asked_at is not None
    assert then.asked_at is not None
    assert then.asked_at > known.asked_at


async def test_an_answer_after_a_silence_is_news_for_all(prometheus: FakePrometheus, source: NeedSource) -> None:
    export(prometheus, "a", 5)
    await source.poll(["a"])
    source._fresh_at = datetime.now(UTC) - source.max_age - timedelta(seconds=1)
    assert await source.poll(["a"]) == {"a"}


async def test_ages_follow_scrapes_and_ticks(source: NeedSource) -> None:
    assert source.max_age == timedelta(seconds=4)


async def test_without_a_prometheus_nothing_is_known() -> None:
    source = NeedSource(read_settings({}), OperatorMetrics(), lambda: {"a": A}, lambda _: None)
    assert await source.poll(["a"]) == set()
    assert (source.about("a").examples, source.about("a").fresh_at) == (None, None)
    await source.close()


async def test_it_polls_and_tells_whom_it_concerns(prometheus: FakePrometheus, source: NeedSource) -> None:
    export(prometheus, "b", 3)
    told: list[Ref] = []
    heard = asyncio.Event()

    def enqueue(ref: Ref) -> None:
        told.append(ref)
        heard.set() if ref == B else None

    source._enqueue = enqueue
    task = asyncio.create_task(source.run())
    await asyncio.wait_for(heard.wait(), 30)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert B in told
