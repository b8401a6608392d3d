"""Evidence through a real HTTP server: what is asked, what is remembered, and what a bad Prometheus does."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from blockbuster import blockbuster_ctx
from fake_prometheus import FakePrometheus, running_prometheus
from polling import wait_until
from rollout_objects import export_evidence

from pawl.api.analysis import HardLimits
from pawl.errors import EvidenceUnavailable
from pawl.hard_limits import gateway_breach
from pawl_operator.arm_reader import moments
from pawl_operator.arm_samples import GATEWAY, ArmSources, cluster_name, query_for
from pawl_operator.evidence_source import EvidenceSource, EvidenceTarget
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.prometheus import Prometheus
from pawl_operator.settings import Settings, read_settings

ARMS = ArmSources(
    (("candidate", (cluster_name("demo", "chat", 0, 0),)), ("stable", (cluster_name("demo", "chat", 0, 1),)))
)
SERVED = replace(ARMS, serving=frozenset({"candidate", "stable"}))
SECOND = timedelta(seconds=1)
REQUESTS, BUCKETS = "envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq_time_bucket"


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with running_prometheus() as fake:
        yield fake


def settings_for(fake: FakePrometheus, **changes: object) -> Settings:
    found = read_settings({"PAWL_PROMETHEUS_URL": fake.url, "PAWL_SCRAPE_INTERVAL": "1s", "PAWL_MONITOR_TICK": "1s"})
    return replace(found, **changes)  # type: ignore[arg-type]


def target(uid: str = "u1", release: int = 1, interval: float = 1.0) -> EvidenceTarget:
    return EvidenceTarget(uid, release, timedelta(seconds=interval), timedelta(minutes=10), ARMS)


_OPEN: list[EvidenceSource] = []


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    """Close every source that a test made."""
    yield
    for found in _OPEN:
        await found.close()
    _OPEN.clear()


def source(settings: Settings, targets: list[EvidenceTarget], woken: list[str] | None = None) -> EvidenceSource:
    found = woken if woken is not None else []
    _OPEN.append(EvidenceSource(settings, OperatorMetrics(), lambda: targets, found.append))
    return _OPEN[-1]


def cluster(place: int) -> str:
    return cluster_name("demo", "chat", 0, place)


def scrape(fake: FakePrometheus, at: float, requests: dict[tuple[int, str], float], buckets: dict[str, float]) -> None:
    """One scrape of one proxy: requests by (place, code class), and the candidate's latency buckets."""
    for (place, code), value in requests.items():
        fake.count(
            REQUESTS, value, at, envoy_cluster_name=cluster(place), envoy_response_code_class=code, instance="envoy-1"
        )
    for edge, value in buckets.items():
        fake.count(BUCKETS, value, at, envoy_cluster_name=cluster(0), le=edge, instance="envoy-1")


async def test_evidence_is_grouped_by_uid_and_only_for_those_who_asked(prometheus: FakePrometheus) -> None:
    export_evidence(prometheus, "u1", 1, range(1, 3), candidate=0.7)
    export_evidence(prometheus, "u2", 4, range(1, 2))
    found = source(settings_for(prometheus), [target("u1"), target("u3")])
    assert await found.poll([target("u1"), target("u3")]) == {"u1"}
    evidence = found.about("u1")
    assert evidence.release is not None
    assert [m.step for m in evidence.release.steps_of("accuracy")] == [1, 2]
    assert evidence.release.metrics[0].samples == {"candidate": 150, "stable": 150}
    assert evidence.fresh_at is not None
    assert found.about("u2").release is None
    assert found.about("u3").release is None


async def test_the_selector_goes_into_every_query(prometheus: FakePrometheus) -> None:
    settings = settings_for(prometheus, prometheus_selector='cluster="eu-1"')
    await source(settings, [target()]).poll([target()])
    assert prometheus.queries[0] == '{__name__=~"pawl_evidence_.+",cluster="eu-1"}'
    assert len(prometheus.queries) == 2
    assert prometheus.queries[1].endswith(',cluster="eu-1"}[600s]')


async def test_gateway_counters_are_differenced_by_arm_with_resets_and_from_their_first_sample(
    prometheus: FakePrometheus,
) -> None:
    """The first failed request makes the series appear; it must count although there is no sample before it."""
    found, now = source(settings_for(prometheus), [target()]), time.time()
    began = datetime.fromtimestamp(now - 300, UTC)
    scrape(prometheus, now - 2, {(0, "2"): 100, (1, "2"): 900}, {"250": 100, "+Inf": 100})
    await found.poll([target()])
    scrape(prometheus, now - 1, {(0, "2"): 110, (0, "5"): 3, (1, "2"): 40}, {"250": 105, "+Inf": 110})
    await found.poll([target()])
    gateway = found.about("u1").gateway
    assert gateway is not None
    assert gateway["candidate"].requests_since(began) == 13
    assert gateway["candidate"].errors_since(began) == 3
    assert gateway["candidate"].quantile_since(0.5, began) == pytest.approx(0.25)
    assert gateway["stable"].requests_since(began) == 40


async def test_a_series_that_only_the_window_cuts_off_is_not_taken_for_new(prometheus: FakePrometheus) -> None:
    """A second Rollout joins: older samples of the same proxy are known, but its own counters are not new."""
    joined = EvidenceTarget(
        "u2", 1, SECOND, timedelta(minutes=10), ArmSources((("candidate", (cluster_name("demo", "late", 0, 0),)),))
    )
    found, now = source(settings_for(prometheus), [target()]), time.time()
    for age in range(608, 590, -1):
        scrape(prometheus, now - age, {(0, "2"): 10}, {})
        late = {"envoy_cluster_name": "httproute/demo/late/rule/0/backend/0", "instance": "envoy-1"}
        prometheus.count(REQUESTS, 5000, now - age, envoy_response_code_class="5", **late)
    await found.poll([replace(target(), lookback=timedelta(seconds=605))])
    await found.poll([target(), joined])
    gateway = found.about("u2").gateway
    assert gateway is not None
    assert gateway["candidate"].errors_since(datetime.fromtimestamp(0, UTC)) == 0


async def test_only_what_is_new_is_asked_again_and_everything_after_a_restart(prometheus: FakePrometheus) -> None:
    scrape(prometheus, time.time(), {(0, "2"): 1}, {})
    found = source(settings_for(prometheus), [target()])
    await found.poll([target()])
    await found.poll([target()])
    windows = [query.rpartition("[")[2] for query in prometheus.queries if query.endswith("s]")]
    assert windows[0] == "600s]"
    assert int(windows[1][:-2]) < 10
    again = source(settings_for(prometheus), [target()])
    await again.poll([target()])
    assert prometheus.queries[-1].endswith("[600s]")


async def test_an_arm_that_nobody_asked_is_not_one_that_nobody_scrapes(prometheus: FakePrometheus) -> None:
    """Both have no counters; only the gauge that a gateway exposes for every cluster tells them apart."""
    wanted = replace(target(), arms=SERVED)
    found = source(settings_for(prometheus), [wanted])
    await found.poll([wanted])
    gateway = found.about("u1").gateway
    assert gateway is not None
    assert gateway["candidate"].requests == ()
    prometheus.scraped = False
    again = source(settings_for(prometheus), [wanted])
    await again.poll([wanted])
    assert again.about("u1").gateway is None
    assert again.about("u1").fresh_at is not None, "Prometheus itself answers"


async def test_a_gateway_whose_scrapes_stop_in_mid_step_is_unknown(prometheus: FakePrometheus) -> None:
    wanted, prometheus.scraped = replace(target(), arms=SERVED), False
    found, now = source(settings_for(prometheus), [wanted]), time.time()
    assert found.max_age == 3 * SECOND
    scrape(prometheus, now - 5, {(0, "2"): 10, (1, "2"): 90}, {})
    await found.poll([wanted])
    assert found.about("u1").gateway is None
    scrape(prometheus, now, {(0, "2"): 10, (1, "2"): 90}, {})
    await found.poll([wanted])
    assert found.about("u1").gateway is not None


async def test_a_step_that_begins_between_two_scrapes_is_not_a_gateway_that_nobody_scrapes(
    prometheus: FakePrometheus,
) -> None:
    prometheus.scraped, now = False, time.time()
    scrape(prometheus, now - 1, {(0, "2"): 10, (1, "2"): 90}, {})
    wanted = replace(target(), arms=SERVED, since=datetime.fromtimestamp(now, UTC))
    found = source(settings_for(prometheus), [wanted])
    await found.poll([wanted])
    assert found.about("u1").gateway is not None


async def test_one_arm_without_samples_is_enough_to_know_nothing(prometheus: FakePrometheus) -> None:
    wanted, prometheus.scraped = replace(target(), arms=SERVED), False
    alone = replace(target("u2"), arms=replace(ARMS, serving=frozenset({"candidate"})))
    found = source(settings_for(prometheus), [wanted, alone])
    scrape(prometheus, time.time(), {(0, "2"): 10}, {})
    await found.poll([wanted, alone])
    assert found.about("u1").gateway is None
    assert found.about("u2").gateway is not None, "an arm without traffic need not be there"


async def test_after_a_restart_a_step_of_hours_is_known_from_a_few_questions(prometheus: FakePrometheus) -> None:
    """One request a minute, and for twenty minutes all of them fail: fewer than fifty in any ten minutes."""
    now = time.time()
    for age in range(300, 0, -1):
        counts: dict[tuple[int, str], float] = {(0, "2"): 300 - max(age, 20)}
        scrape(prometheus, now - 60 * age, counts | ({(0, "5"): 20 - age} if age < 20 else {}), {"+Inf": 300 - age})
    began = datetime.fromtimestamp(now - 290 * 60, UTC)
    wanted = replace(target(), since=began)
    found = source(settings_for(prometheus), [wanted])
    await found.poll([wanted])
    gateway = found.about("u1").gateway
    assert gateway is not None
    assert gateway["candidate"].requests_since(began) == pytest.approx(289, abs=2)
    breach = gateway_breach(HardLimits(), gateway["candidate"], began, datetime.now(UTC))
    assert breach is not None
    assert breach.cause == "ErrorRate"
    asked = [query for query in prometheus.queries if "} @ " in query]
    assert len(asked) == 5
    assert not any("h]" in query or "d]" in query for query in prometheus.queries)
    await found.poll([wanted])
    assert len([query for query in prometheus.queries if "} @ " in query]) == 5, "what is known is not asked again"


def test_a_step_of_thirty_days_takes_thirteen_questions() -> None:
    now, dense = datetime(2026, 11, 23, tzinfo=UTC), timedelta(minutes=10, seconds=30)
    found = moments(now - timedelta(days=30), dense, now)
    assert len(found) == 13
    assert found[0] == now - timedelta(days=30)
    assert found[-1] == now - 2 * dense
    assert found == sorted(found)
    assert moments(now - dense, dense, now) == moments(None, dense, now) == []


async def test_when_the_query_fails_old_evidence_stays_old_and_counters_are_unknown(prometheus: FakePrometheus) -> None:
    export_evidence(prometheus, "u1", 1, range(1, 2))
    found = source(settings_for(prometheus), [target()])
    await found.poll([target()])
    fresh = found.about("u1").fresh_at
    prometheus.fail_with = 503
    assert await found.poll([target()]) == set()
    known = found.about("u1")
    assert known.release is not None
    assert known.fresh_at == fresh
    assert known.gateway is None


async def test_where_the_gateway_is_not_scraped_the_model_servers_are_asked(prometheus: FakePrometheus) -> None:
    arms = ArmSources((("candidate", ("bbbbbbbbbb",)), ("stable", ("aaaaaaaaaa",))), frozenset({"candidate"}))
    wanted = replace(target(), arms=arms)
    found, now = source(settings_for(prometheus, gateway_metrics=False), [wanted]), time.time()
    for age, errors in ((3, 2.0), (2, 6.0)):
        labels = {"component": "facts", "revision": "bbbbbbbbbb", "instance": "pod-1"}
        prometheus.count("pawl_modelserver_requests_total", errors, now - age, code="500", **labels)
        prometheus.count("pawl_modelserver_request_seconds_bucket", errors, now - age, le="0.5", **labels)
        prometheus.count("pawl_modelserver_request_seconds_bucket", errors, now - age, le="+Inf", **labels)
    await found.poll([wanted])
    gateway = found.about("u1").gateway
    assert gateway is not None
    began = datetime.fromtimestamp(now - 60, UTC)
    assert gateway["candidate"].errors_since(began) == 4
    assert gateway["candidate"].quantile_since(1.0, began) == pytest.approx(0.5)
    assert 'revision=~"bbbbbbbbbb|aaaaaaaaaa"' in prometheus.queries[1]
    prometheus.scraped = False
    prometheus.counters.clear()
    again = source(settings_for(prometheus, gateway_metrics=False), [wanted])
    await again.poll([wanted])
    assert again.about("u1").gateway is None, "servers that nobody scrapes are not servers that nobody asks"


async def test_a_target_without_arms_has_no_counters_which_is_not_unknown(prometheus: FakePrometheus) -> None:
    wanted = replace(target(), arms=None)
    found = source(settings_for(prometheus), [wanted])
    await found.poll([wanted])
    assert found.about("u1").gateway == {}
    assert len(prometheus.queries) == 1


async def test_an_arm_with_two_backends_is_the_sum_of_both(prometheus: FakePrometheus) -> None:
    wanted = replace(target(), arms=ArmSources((("stable", (cluster(0), cluster(1))),)))
    found, now = source(settings_for(prometheus), [wanted]), time.time()
    scrape(prometheus, now - 3, {(0, "2"): 100, (1, "2"): 900}, {})
    scrape(prometheus, now - 2, {(0, "2"): 101, (1, "2"): 950}, {})
    await found.poll([wanted])
    gateway = found.about("u1").gateway
    assert gateway is not None
    assert gateway["stable"].requests_since(datetime.fromtimestamp(now - 60, UTC)) == 51


async def test_a_hanging_prometheus_is_given_up(prometheus: FakePrometheus) -> None:
    prometheus.hanging = True
    client = Prometheus(prometheus.url, deadline=0.2)
    with pytest.raises(EvidenceUnavailable, match="no answer"):
        await client.instant("up")
    await client.close()


@pytest.mark.parametrize(
    "answer", ["<html>", '{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}', "[]"]
)
async def test_an_answer_of_another_shape_is_no_answer(prometheus: FakePrometheus, answer: str) -> None:
    import json as real

    class Lying(FakePrometheus):
        def answer(self, query: str) -> object:  # type: ignore[override]
            return real.loads(answer) if answer[0] in "{[" else {"status": answer}

    with running_prometheus() as fake:
        fake.answer = Lying().answer  # type: ignore[method-assign,assignment]
        client = Prometheus(fake.url)
        with pytest.raises(EvidenceUnavailable):
            await client.instant("up")
        await client.close()


@pytest.mark.parametrize(("skew", "least", "most"), [(0, 0, 0), (120, 117, 120), (-120, 117, 121)])
async def test_the_servers_clock_is_compared(
    prometheus: FakePrometheus, skew: float, least: float, most: float
) -> None:
    prometheus.skew = skew
    client = Prometheus(prometheus.url)
    await client.instant("up")
    await client.close()
    assert least <= client.clock_skew.total_seconds() <= most


async def test_targets_are_woken_at_their_own_interval_and_the_loop_never_blocks(prometheus: FakePrometheus) -> None:
    export_evidence(prometheus, "fast", 1, range(1, 2), computed=time.time())
    woken: list[str] = []
    found = source(settings_for(prometheus), [target("fast", interval=0.3), target("slow", interval=60)], woken)
    with blockbuster_ctx():
        task = asyncio.create_task(found.run())
        async with asyncio.timeout(10):
            while woken.count("fast") < 3:  # noqa: ASYNC110 - the source under test sets no event
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert woken.count("slow") == 1


async def test_an_interval_longer_than_evidence_lives_does_not_let_it_grow_old(prometheus: FakePrometheus) -> None:
    """With the defaults a Rollout is looked at every minute, and what was read 45 s ago counts as lost."""
    found = source(settings_for(prometheus, scrape_interval=0.3, monitor_tick=0.3), [target(interval=60)])
    task = asyncio.create_task(found.run())
    first = None
    try:
        await asyncio.to_thread(wait_until, lambda: found.about("u1").fresh_at is not None, 10)
        first = found.about("u1").fresh_at
        await asyncio.to_thread(wait_until, lambda: found.about("u1").fresh_at != first, 10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_that_the_monitor_looked_again_is_no_news(prometheus: FakePrometheus) -> None:
    export_evidence(prometheus, "u1", 1, range(1, 2))
    found = source(settings_for(prometheus), [target()])
    assert await found.poll([target()]) == {"u1"}
    assert await found.poll([target()]) == set()
    export_evidence(prometheus, "u1", 1, range(1, 2), batch=2)
    assert await found.poll([target()]) == {"u1"}


async def test_no_targets_ask_nothing(prometheus: FakePrometheus) -> None:
    found = source(settings_for(prometheus), [])
    task = asyncio.create_task(found.run())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert prometheus.queries == []


def test_names_are_escaped_for_regex_and_string() -> None:
    arms = [ArmSources((("candidate", ("httproute/demo/chat.v1/rule/2/backend/0",)), ("stable", ("x",))))]
    assert query_for(GATEWAY, arms, 2 * SECOND, "") == (
        '{__name__=~"envoy_cluster_upstream_rq_xx|envoy_cluster_upstream_rq_time_bucket|envoy_cluster_membership_total",'
        'envoy_cluster_name=~"httproute/demo/chat\\\\.v1/rule/2/backend/0|x"}[2s]'
    )
