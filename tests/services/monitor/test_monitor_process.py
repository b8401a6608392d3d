"""The whole process: it finds a release, closes windows, is scraped, is killed, is replaced; real clocks throughout."""

import threading
from pathlib import Path

import pytest
from fake_kube import FakeKube, served
from monitor_objects import component, rollout
from monitor_process import MonitorProcess, Traffic, evidence_in, monitor_process
from polling import wait_until

from pawl.evidence import CANDIDATE, STABLE, ArmSummary, MetricEvidence
from pawl_services.db.engine import open_database

# What does not depend on the backend runs on one: each of these tests starts processes.
ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("backend", ["postgres"], indirect=True)
KIND = {"window": "1s", "delay": "0s", "pairing": "None"}
WAIT = 60


def cluster(**changes: str) -> FakeKube:
    return FakeKube({"rollouts": [rollout(**{**KIND, **changes})], "components": [component()]})


def group(monitor: MonitorProcess, step: int = 1) -> MetricEvidence | None:
    found = monitor.evidence().get("u1")
    steps = {metric.step: metric for metric in found.metrics} if found else {}
    return steps.get(step)


def arm(monitor: MonitorProcess, name: str) -> ArmSummary:
    evidence = group(monitor)
    return evidence.arms.get(name, ArmSummary()) if evidence else ArmSummary()


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_a_release_is_followed_from_traffic_to_gauges(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url)
    traffic = Traffic(database, "demo")
    with served(cluster()) as api, monitor_process(database_url, api, tmp_path, "m0") as monitor:
        wait_until(lambda: "u1" in monitor.evidence(), WAIT, monitor.metrics)
        assert monitor.evidence()["u1"].metrics == ()
        assert (monitor.status("/livez"), monitor.status("/readyz")) == (200, 200)
        traffic.users(names("s", 9), "stable")
        traffic.users(names("c", 3), "candidate", right=False)
        wait_until(lambda: arm(monitor, STABLE).users + arm(monitor, CANDIDATE).users == 12, WAIT, monitor.metrics)
        stable, candidate = arm(monitor, STABLE), arm(monitor, CANDIDATE)
        assert (stable.users, stable.ratio) == (9, 1.0)
        assert (candidate.users, candidate.ratio) == (3, 0.0)
        evidence = monitor.evidence()["u1"]
        assert (evidence.exposed_users, evidence.exposed_requests) == (3, 3)
        assert evidence.first_harm is not None
        assert evidence.flaw_of("accuracy") is None
        assert evidence.metrics[0].log_e.keys() == {"srm"}
        assert 'pawl_monitor_ticks_total{outcome="done"}' in monitor.metrics()
    assert monitor.process.returncode == 0
    database.close()


@ON_SQLITE
def test_killed_monitor_goes_on_where_it_was_and_says_nothing_before(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url)
    traffic = Traffic(database, "demo")
    seen: list[int] = []
    with served(cluster()) as api:
        with monitor_process(database_url, api, tmp_path, "m0") as first:
            traffic.users(names("a", 5), "stable")
            wait_until(lambda: arm(first, STABLE).users == 5, WAIT, first.metrics)
            traffic.users(names("b", 4), "stable")
            first.kill()
        traffic.users(names("a", 5), "stable", right=False)
        with monitor_process(database_url, api, tmp_path, "m0") as second:

            def all_there() -> bool:
                if "u1" in second.evidence():
                    seen.append(arm(second, STABLE).users)
                return bool(seen) and seen[-1] == 9

            wait_until(all_there, WAIT, second.metrics)
            assert arm(second, STABLE).ratio == 1.0
    # Whatever it exported, from its first word on, held those who had been counted before the kill.
    assert min(seen) >= 5
    database.close()


@ON_POSTGRES
def test_one_of_two_monitors_exports_and_the_other_takes_over(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url)
    traffic = Traffic(database, "demo")
    with (
        served(cluster()) as api,
        monitor_process(database_url, api, tmp_path, "m0") as one,
    ):
        wait_until(lambda: "u1" in one.evidence(), WAIT, one.metrics)
        with monitor_process(database_url, api, tmp_path, "m1") as two:
            traffic.users(names("a", 6), "stable")
            wait_until(lambda: arm(one, STABLE).users == 6, WAIT, one.metrics)
            assert two.evidence() == {}
            assert "pawl_monitor_leader 0.0" in two.metrics()
            assert (two.status("/livez"), two.status("/readyz")) == (200, 200)
            traffic.users(names("b", 6), "stable")
            one.kill()
            wait_until(lambda: arm(two, STABLE).users == 12, WAIT, two.metrics)
    database.close()


@ON_SQLITE
def test_without_the_api_server_nothing_is_exported_and_the_process_is_not_ready(
    database_url: str, tmp_path: Path
) -> None:
    kube = cluster()
    with served(kube) as api, monitor_process(database_url, api, tmp_path, "m0") as monitor:
        wait_until(lambda: "u1" in monitor.evidence(), WAIT, monitor.metrics)
        kube.down = True
        wait_until(lambda: monitor.evidence() == {}, WAIT, monitor.metrics)
        wait_until(lambda: monitor.status("/readyz") == 503, WAIT, monitor.metrics)
        assert monitor.status("/livez") == 200
        kube.down = False
        wait_until(lambda: "u1" in monitor.evidence(), WAIT, monitor.metrics)


@ON_POSTGRES
def test_every_scrape_shows_one_batch(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url)
    traffic = Traffic(database, "demo")
    stop, texts = threading.Event(), []
    with served(cluster()) as api, monitor_process(database_url, api, tmp_path, "m0") as monitor:

        def scrape() -> None:
            while not stop.is_set():
                texts.append(monitor.metrics())

        thread = threading.Thread(target=scrape)
        thread.start()
        try:
            for number in range(10):
                traffic.users([f"s{number}"], "stable")
                traffic.users([f"c{number}"], "candidate", right=bool(number % 2))
            wait_until(lambda: arm(monitor, STABLE).users + arm(monitor, CANDIDATE).users == 20, WAIT, monitor.metrics)
        finally:
            stop.set()
            thread.join()
    for text in texts:
        for release in evidence_in(text).values():
            assert release.dropped == ()
            for metric in release.metrics:
                assert metric.batch > 0
                assert sum(sums.users for sums in metric.arms.values()) <= 20
    database.close()


def test_settings_that_cannot_be_used_end_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"postgresql://host/db"),
        monitor_process("mysql://secret@x/y", "http://127.0.0.1:1", tmp_path, "m0"),
    ):
        pass
    assert "secret" not in (tmp_path / "m0.log").read_text()
