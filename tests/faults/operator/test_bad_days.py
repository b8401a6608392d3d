"""Prometheus down, slow or lying; the API server failing; watches cut; two operators; a stolen lease."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fault_proxy import running_proxy
from operator_process import launch_operator
from polling import wait_until
from rollout_objects import export_evidence, rollout, version
from stage import PAWL, Stage

from pawl_operator.lease import LOST_EXIT_CODE


def uid(stage: Stage) -> str:
    return stage.rollout()["metadata"]["uid"]


def at_first_step(stage: Stage, **changes: object) -> None:
    """Bring v2 to 10 percent with good evidence about step 1 and a hold that is over at once."""
    stage.start()
    stage.settle(rollout(stage.namespace, **changes))  # type: ignore[arg-type]
    stage.release_candidate(version("v2"))
    wait_until(lambda: stage.status().get("traffic", {}).get("verified") == 10, 40, stage.explain)


def good(stage: Stage, **changes: object) -> None:
    export_evidence(stage.prometheus, uid(stage), 1, range(1, 6), **changes)  # type: ignore[arg-type]


def harm(stage: Stage, **changes: object) -> None:
    export_evidence(stage.prometheus, uid(stage), 1, range(1, 2), users=400, candidate=0.3, **changes)  # type: ignore[arg-type]


def nan(stage: Stage) -> None:
    good(stage)
    export_evidence(stage.prometheus, uid(stage), 1, range(1, 6), candidate=float("nan"))


def two_instances(stage: Stage) -> None:
    good(stage)
    good(stage, instance="old-monitor:8080", candidate=0.1)


def two_batches(stage: Stage) -> None:
    good(stage)
    labels = {"object_uid": uid(stage), "release": "1", "step": "1", "metric": "accuracy", "instance": "monitor:8080"}
    stage.prometheus.gauge("pawl_evidence_batch", 2, arm="stable", **labels)


def stale(stage: Stage) -> None:
    good(stage, computed=1_000_000_000.0)


# The server looks at its switches before it waits for the lock: they are set before there is anything good to hear.
def down(stage: Stage) -> None:
    stage.prometheus.fail_with = 503
    good(stage)


def slow(stage: Stage) -> None:
    stage.prometheus.hanging = True
    good(stage)


def clock_ahead(stage: Stage) -> None:
    good(stage)
    stage.prometheus.skew = 120


def unavailable(stage: Stage) -> bool:
    """Whether one and the same status says so as verdict and as condition."""
    status = stage.status()
    said = {item["type"]: item["status"] for item in status.get("conditions") or []}
    return status.get("verdict") == "Unavailable" and said.get("MetricsAvailable") == "False"


@pytest.mark.parametrize("lie", [nan, two_instances, two_batches, stale, down, slow, clock_ahead])
def test_a_prometheus_that_cannot_be_trusted_holds(stage: Stage, lie: Callable[[Stage], None]) -> None:
    """Neither a raise nor a rollback, and the status says what is missing."""
    at_first_step(stage)
    wait_until(lambda: stage.status().get("verdict") == "NoData", 40, stage.explain)
    with stage.prometheus.lock:
        lie(stage)
    wait_until(lambda: unavailable(stage), 40, stage.explain)
    assert stage.player.shares() == [0, 10]
    stage.prometheus.clear()
    stage.prometheus.fail_with, stage.prometheus.skew, stage.prometheus.hanging = 0, 0.0, False
    stage.prometheus.hang.set()
    good(stage)
    wait_until(lambda: (stage.status().get("traffic") or {}).get("verified", 0) > 10, 40, stage.explain)


def test_a_crash_rolls_back_although_prometheus_is_gone(stage: Stage) -> None:
    at_first_step(stage)
    stage.prometheus.hanging = True
    stage.player.restarts[stage.status()["release"]["revision"]] = 3
    wait_until(lambda: stage.status().get("rollback", {}).get("t2") is not None, 40, stage.explain)


def test_a_storm_of_503_and_429_delays_but_breaks_nothing(stage: Stage, tmp_path: Path) -> None:
    with running_proxy(stage.server) as proxy:
        env = {"PAWL_PROMETHEUS_URL": stage.prometheus.url, "PAWL_LEASE_DURATION": "60s"}
        operator = launch_operator(tmp_path, proxy.kubeconfig(tmp_path / "proxied"), stage.namespace, env)
        stage.operator = operator
        wait_until(operator.leading, 40, operator.tail)
        stage.settle(rollout(stage.namespace, weights=(20, 60, 100), metrics=False))
        proxy.fail_share = 0.3
        stage.release_candidate(version("v2"))
        wait_until(lambda: proxy.failed >= 3, 30, operator.tail)
        proxy.fail_code = 429
        wait_until(lambda: bool(stage.status().get("history")), 100, stage.explain)
        proxy.fail_share = 0.0
        stage.wait_phase("Healthy")
        shares = stage.player.shares()
        assert shares[: shares.index(100) + 1] == [0, 20, 60, 100]
        assert operator.process.poll() is None


def test_an_api_server_that_is_gone_for_a_while_is_found_again(stage: Stage, tmp_path: Path) -> None:
    """Watches and writes fail for longer than kopf's own patience would last; the lease is long enough to survive."""
    with running_proxy(stage.server) as proxy:
        env = {"PAWL_PROMETHEUS_URL": stage.prometheus.url, "PAWL_LEASE_DURATION": "60s"}
        operator = launch_operator(tmp_path, proxy.kubeconfig(tmp_path / "proxied"), stage.namespace, env)
        stage.operator = operator
        wait_until(operator.leading, 60, operator.tail)
        stage.settle(rollout(stage.namespace, weights=(20, 100), metrics=False))
        proxy.refuse = True
        proxy.cut_watches()
        stage.release_candidate(version("v2"))
        before = proxy.seen
        wait_until(lambda: proxy.seen > before + 30, 60, operator.tail)
        proxy.refuse = False
        wait_until(lambda: bool(stage.status().get("history")), 60, stage.explain)
        assert operator.process.poll() is None


def test_cut_watches_come_back_and_lose_nothing(stage: Stage, tmp_path: Path) -> None:
    with running_proxy(stage.server) as proxy:
        env = {"PAWL_PROMETHEUS_URL": stage.prometheus.url}
        operator = launch_operator(tmp_path, proxy.kubeconfig(tmp_path / "proxied"), stage.namespace, env)
        stage.operator = operator
        wait_until(operator.leading, 40, operator.tail)
        stage.settle(rollout(stage.namespace, weights=(20, 60, 100), metrics=False))
        stage.release_candidate(version("v2"))
        for share in (20, 60):
            wait_until(lambda share=share: share in stage.player.shares(), 40, stage.explain)  # type: ignore[misc]
            proxy.cut_watches()
        wait_until(lambda: bool(stage.status().get("history")), 60, stage.explain)


def test_a_standby_is_ready_and_takes_over_when_the_leader_is_killed(stage: Stage, tmp_path: Path) -> None:
    leader = stage.start(PAWL_POD_NAME="first")
    env = {"PAWL_PROMETHEUS_URL": stage.prometheus.url, "PAWL_POD_NAME": "second"}
    standby = launch_operator(tmp_path, stage.server.kubeconfig, stage.namespace, env)
    try:
        wait_until(standby.ready, 40, standby.tail)
        assert standby.metric("pawl_operator_leading") == 0.0
        # The hold is longer than it takes to see the first step and to kill: the leader cannot have ended by itself.
        stage.settle(rollout(stage.namespace, weights=(20, 100), hold="10s", metrics=False))
        stage.release_candidate(version("v2"))
        wait_until(lambda: 20 in stage.player.shares(), 30, stage.explain)
        leader.kill()
        # Nobody gave the lease back: it is waited out, for 15 s.
        wait_until(standby.leading, 60, standby.tail)
        wait_until(lambda: bool(stage.status().get("history")), 60, standby.tail)
    finally:
        standby.kill()


def test_sigterm_ends_cleanly_and_frees_the_lease_at_once(stage: Stage) -> None:
    operator = stage.start()
    assert operator.stop() == 0, operator.tail()
    lease = stage.server.get("coordination.k8s.io/v1", "Lease", "pawl-operator", stage.namespace)
    assert lease["spec"].get("holderIdentity", "") == ""


def test_a_process_whose_lease_was_taken_ends_itself(stage: Stage) -> None:
    operator = stage.start()
    thief = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 60}}
    stage.server.patch("coordination.k8s.io/v1", "Lease", "pawl-operator", thief, stage.namespace)
    wait_until(lambda: operator.process.poll() is not None, 30, operator.tail)
    assert operator.process.returncode == LOST_EXIT_CODE


def test_an_object_of_a_newer_crd_is_read_as_far_as_it_is_known(stage: Stage) -> None:
    stage.start()
    stage.settle(rollout(stage.namespace, metrics=False))
    patch = {"metadata": {"annotations": {"note": "\u202e\U0001f600" * 2000}}}
    stage.server.patch(PAWL, "Rollout", "chat", patch, stage.namespace)
    stage.release_candidate(version("v2"))
    wait_until(lambda: 10 in stage.player.shares(), 30, stage.explain)
