"""Whole releases against a real API server: up on evidence, back on harm, and what disturbs them on the way."""

import contextlib
from datetime import datetime, timedelta

from kube_client import ApiError
from polling import wait_until
from rollout_objects import component, export_evidence, rollout, route, version
from stage import GATEWAY, PAWL, Stage

POLICY = ("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy")


def uid(stage: Stage) -> str:
    return stage.rollout()["metadata"]["uid"]


def wait_reasons(stage: Stage, *reasons: str) -> None:
    """Wait for events: they are sent after the status that tells of the same."""
    wait_until(lambda: set(reasons) <= set(stage.reasons()), 30, lambda: f"{stage.reasons()} {stage.explain()}")


def wait_metric(stage: Stage, line: str, least: float) -> float:
    """Wait for a metric, which is counted after the status was written, and return it."""
    operator = stage.operator
    assert operator is not None
    wait_until(lambda: operator.metric(line) >= least, 30, stage.explain_log)
    return operator.metric(line)


def test_a_release_goes_up_step_by_step_and_swaps_roles(stage: Stage) -> None:
    before = stage.settle(rollout(stage.namespace))
    stable = before["stable"]["revision"]
    export_evidence(stage.prometheus, uid(stage), 1, range(1, 6))
    stage.release_candidate(version("v2"))
    wait_until(lambda: stage.status().get("stable", {}).get("revision") != stable, 60, stage.explain)
    after = stage.wait_phase("Healthy")
    wait_until(lambda: stage.player.shares()[-1] == 0, 30, stage.explain)
    assert stage.player.shares() == [0, 10, 25, 50, 75, 100, 0]
    assert after["stable"]["digest"] == version("v2")["digest"]
    assert after["stable"]["release"] == 1
    assert [(h["release"], h["outcome"]) for h in after["history"]] == [(1, "Promoted")]
    assert stage.backends() == [(after["stable"]["service"], 100)]
    wait_until(lambda: len(stage.server.list("apps/v1", "Deployment", stage.namespace)) == 1, 20, stage.explain)
    wait_reasons(stage, "ReleaseStarted", "StepStarted", "Promoted")


def test_no_step_is_left_before_its_hold_and_every_weight_is_verified_first(stage: Stage) -> None:
    stage.settle(rollout(stage.namespace, weights=(20, 100), hold="3s"))
    export_evidence(stage.prometheus, uid(stage), 1, range(1, 3))
    stage.release_candidate(version("v2"))
    wait_until(lambda: 100 in stage.player.shares(), 60, stage.explain)
    times = {entries[0][1]: at for at, entries in stage.player.weights if len(entries) > 1}
    assert (times[100] - times[20]).total_seconds() >= 3.0


def test_proven_harm_rolls_back_and_the_revision_is_not_tried_again(stage: Stage) -> None:
    before = stage.settle(rollout(stage.namespace, hold="30s"))
    stage.release_candidate(version("v2"))
    wait_until(lambda: stage.status().get("traffic", {}).get("verified") == 10, 30, stage.explain)
    export_evidence(stage.prometheus, uid(stage), 1, range(1, 2), users=400, stable=0.8, candidate=0.4)
    wait_until(lambda: stage.status().get("rollback", {}).get("t2") is not None, 30, stage.explain)
    after = stage.wait_phase("Degraded")
    assert after["stable"] == before["stable"]
    assert stage.backends() == [(before["stable"]["service"], 100)]
    assert [entry["reason"] for entry in after["rejected"]] == ["HarmProven"]
    assert after["rollback"]["cause"] == "HarmProven"
    assert after["rollback"]["t1"] <= after["rollback"]["t2"]
    assert max(stage.player.shares()) == 10
    wait_reasons(stage, "RolledBack")
    assert wait_metric(stage, "pawl_rollout_rollback_total", 1) == 1
    assert wait_metric(stage, "pawl_rollout_breach_to_verified_seconds_count", 1) == 1


def test_a_crashing_candidate_is_gone_within_ten_seconds(stage: Stage) -> None:
    stage.settle(rollout(stage.namespace, hold="60s", metrics=False))
    stage.release_candidate(version("v2"))
    wait_until(lambda: 10 in stage.player.shares(), 30, stage.explain)
    stage.player.restarts[stage.status()["release"]["revision"]] = 3
    wait_until(lambda: stage.status().get("rollback", {}).get("t2") is not None, 30, stage.explain)
    rollback = stage.status()["rollback"]
    assert rollback["cause"] == "CrashLoop"
    # The promise, by the stamps that it is given in: from the crash to the route back at stable.
    assert datetime.fromisoformat(rollback["t2"]) - datetime.fromisoformat(rollback["t0"]) <= timedelta(seconds=10)
    assert stage.player.shares()[-1] == 0


def test_all_traffic_reads_100_and_0_on_the_route_and_goes_back_in_one_change(stage: Stage) -> None:
    stable = stage.settle(rollout(stage.namespace, weights=(100,), hold="60s", metrics=False))["stable"]["service"]
    stage.release_candidate(version("v2"))
    candidate = f"chat-{stage.wait_phase('Progressing')['release']['revision']}"
    read = stage.player.places
    wait_until(lambda: read[-1][1] == ((candidate, 100), (stable, 0)), 40, stage.explain)
    wait_until(lambda: stage.condition("TrafficVerified")["status"] == "True", 20, stage.explain)
    assert stage.status()["traffic"]["verified"] == 100
    stage.player.restarts[stage.status()["release"]["revision"]] = 3
    wait_until(lambda: read[-1][1] == ((stable, 1), (stable, 999_999)), 40, stage.explain)
    resting, warm = ((stable, 1), (stable, 999_999)), ((candidate, 999_999), (stable, 1))
    back = ((stable, 999_999), (stable, 1))
    assert [places for _, places in read if places] == [resting, warm, ((candidate, 100), (stable, 0)), back, resting]


def test_without_evidence_nothing_moves_and_the_status_says_so(stage: Stage) -> None:
    stage.settle(rollout(stage.namespace))
    stage.release_candidate(version("v2"))
    wait_until(lambda: 10 in stage.player.shares(), 30, stage.explain)
    wait_until(lambda: stage.status().get("verdict") == "NoData", 30, stage.explain)
    stage.prometheus.fail_with = 503
    wait_until(lambda: stage.status().get("verdict") == "Unavailable", 30, stage.explain)
    assert stage.condition("MetricsAvailable")["status"] == "False"
    assert stage.player.shares() == [0, 10]


def test_a_candidate_that_never_gets_ready_gets_no_traffic(stage: Stage) -> None:
    stage.settle(rollout(stage.namespace, progressDeadline="3s"))
    stage.player.newcomers_stay_unready = True
    stage.release_candidate(version("v2"))
    wait_until(lambda: bool(stage.status().get("rejected")), 30, stage.explain)
    assert stage.status()["rejected"][0]["reason"] == "NotReady"
    assert max(stage.player.shares()) == 0


def test_a_route_that_no_gateway_takes_over_starts_no_clock(stage: Stage) -> None:
    stage.settle(rollout(stage.namespace))
    export_evidence(stage.prometheus, uid(stage), 1, range(1, 6))
    stage.player.gateway_answers = False
    stage.release_candidate(version("v2"))
    wait_until(lambda: stage.backends()[0][1] == 10, 30, stage.explain)
    wait_until(lambda: stage.condition("TrafficVerified").get("status") == "False", 30, stage.explain)
    assert stage.status()["traffic"]["verified"] == 0
    stage.player.gateway_answers = True
    wait_until(lambda: stage.status()["traffic"]["verified"] >= 10, 30, stage.explain)


def test_traffic_that_somebody_moved_towards_the_candidate_is_moved_back(stage: Stage) -> None:
    stage.settle(rollout(stage.namespace, hold="60s", metrics=False))
    stage.release_candidate(version("v2"))
    wait_until(lambda: stage.status().get("traffic", {}).get("verified") == 10, 30, stage.explain)
    path = "/spec/rules/0/backendRefs"
    ops = [
        {"op": "replace", "path": f"{path}/0/weight", "value": 90},
        {"op": "replace", "path": f"{path}/1/weight", "value": 10},
    ]
    stage.server.patch(GATEWAY, "HTTPRoute", "chat", ops, stage.namespace, fieldManager="kubectl-edit")
    wait_until(lambda: stage.backends()[0][1] == 10, 30, stage.explain)
    wait_reasons(stage, "RouteRestored")
    wait_metric(stage, "pawl_rollout_route_drift_total", 1)


def test_filters_and_rules_of_other_people_survive_a_whole_release(stage: Stage) -> None:
    legacy = {
        "name": "legacy",
        "port": 8080,
        "weight": 0,
        "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}],
    }
    body = route(stage.namespace, [legacy])
    other = {"name": "other", "backendRefs": [{"name": "blog", "port": 80, "weight": 1}]}
    body["spec"]["rules"].append(other)
    stage.create(body)
    stage.settle(rollout(stage.namespace, weights=(50, 100), metrics=False))
    stage.release_candidate(version("v2"))
    wait_until(lambda: bool(stage.status().get("history")), 60, stage.explain)
    rules = stage.server.get(GATEWAY, "HTTPRoute", "chat", stage.namespace)["spec"]["rules"]
    kept = next(entry for entry in rules[0]["backendRefs"] if entry["name"] == "legacy")
    assert kept["filters"] == legacy["filters"]
    assert rules[1]["backendRefs"][0]["name"] == "blog"
    assert len(rules) == 2


def test_a_rollout_deleted_in_mid_release_leaves_stable_serving(stage: Stage) -> None:
    before = stage.settle(rollout(stage.namespace, hold="60s", metrics=False))
    stage.release_candidate(version("v2"))
    wait_until(lambda: stage.status().get("traffic", {}).get("verified") == 10, 30, stage.explain)
    assert stage.rollout()["metadata"]["finalizers"] == ["pawl.dev/route"]
    stage.server.delete(PAWL, "Rollout", "chat", stage.namespace)
    wait_until(lambda: not stage.server.exists(PAWL, "Rollout", "chat", stage.namespace), 30)
    assert stage.backends() == [(before["stable"]["service"], 100)]
    service = before["stable"]["service"]
    wait_until(lambda: len(stage.server.list("apps/v1", "Deployment", stage.namespace)) == 1, 30)
    assert stage.server.exists("apps/v1", "Deployment", service, stage.namespace)


def test_a_second_rollout_on_the_rule_waits_and_takes_over_when_the_first_goes(stage: Stage) -> None:
    stage.settle(rollout(stage.namespace))
    stage.create(rollout(stage.namespace, name="rival"))
    wait_until(lambda: stage.condition("Accepted", "rival").get("reason") == "RouteClaimed", 30, stage.explain)
    assert "Rollout/chat" in stage.condition("Accepted", "rival")["message"]
    assert all(name.startswith("chat-") for name, _ in stage.backends())
    stage.server.delete(PAWL, "Rollout", "chat", stage.namespace)
    wait_until(lambda: stage.condition("Accepted", "rival").get("reason") != "RouteClaimed", 30, stage.explain)


def test_objects_restored_without_status_move_no_traffic(stage: Stage) -> None:
    """A backup brings the spec back, with the candidate of a release that had been promoted, and no status."""
    stage.settle(rollout(stage.namespace, weights=(100,), metrics=False))
    stage.release_candidate(version("v2"))
    wait_until(lambda: bool(stage.status().get("history")), 60, stage.explain)
    promoted = stage.wait_phase("Healthy")["stable"]
    wait_until(lambda: stage.player.weights[-1][1] == ((promoted["service"], 100),), 30, stage.explain)
    assert stage.operator is not None
    stage.operator.stop()
    body = stage.rollout()
    stage.server.patch(PAWL, "Rollout", "chat", {"metadata": {"finalizers": None}}, stage.namespace)
    stage.server.delete(PAWL, "Rollout", "chat", stage.namespace)
    with contextlib.suppress(ApiError):
        stage.server.delete("coordination.k8s.io/v1", "Lease", "pawl-operator", stage.namespace)
    moves = len(stage.player.weights)
    stage.create(
        {
            "apiVersion": PAWL,
            "kind": "Rollout",
            "metadata": {"name": "chat", "namespace": stage.namespace},
            "spec": body["spec"],
        }
    )
    stage.start()
    after = stage.wait_phase("Healthy")
    assert after["stable"]["revision"] == promoted["revision"]
    assert stage.backends() == [(promoted["service"], 100)]
    assert [entries for _, entries in stage.player.weights[moves:]] == []


def test_users_are_pinned_where_the_gateway_can_do_it(stage: Stage) -> None:
    body = rollout(
        stage.namespace, weights=(50, 100), metrics=False, stickiness={"unit": "User", "header": "x-user-id"}
    )
    stage.settle(body)
    # The policy is written by the pass after the one that says Healthy.
    wait_until(lambda: stage.server.exists(*POLICY, "pawl-chat", stage.namespace), 30, stage.explain)
    policy = stage.server.get(*POLICY, "pawl-chat", stage.namespace)
    assert policy["spec"]["targetRefs"][0]["sectionName"] == "infer"
    assert policy["spec"]["loadBalancer"]["consistentHash"]["headers"] == [{"name": "x-user-id"}]
    stage.release_candidate(version("v2"))
    wait_until(lambda: bool(stage.status().get("history")), 60, stage.explain)
    assert stage.status()["traffic"]["mode"] == "HashedBucket"


def test_mirrors_come_with_the_release_and_go_with_it(stage: Stage) -> None:
    body = rollout(stage.namespace, weights=(50, 100), metrics=False, hold="2s")
    body["spec"]["analysis"] |= {"pairing": {"mode": "Mirror", "percent": 30}}
    stage.settle(body)

    def mirrors() -> list[tuple[str, int]]:
        rule = stage.server.get(GATEWAY, "HTTPRoute", "chat", stage.namespace)["spec"]["rules"][0]
        found = [f["requestMirror"] for f in rule.get("filters") or []]
        return [(f["backendRef"]["name"], f["percent"]) for f in found]

    stage.release_candidate(version("v2"))
    wait_until(lambda: [percent for _, percent in mirrors()] == [30, 30], 30, stage.explain)
    wait_until(lambda: bool(stage.status().get("history")), 60, stage.explain)
    wait_until(lambda: mirrors() == [], 30, stage.explain)


def test_a_component_is_accepted(stage: Stage) -> None:
    stage.create(component(stage.namespace))
    wait_until(lambda: stage.condition("Accepted", "facts", "Component").get("status") == "True", 30, stage.explain_log)
