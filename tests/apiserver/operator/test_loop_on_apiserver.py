"""A LearningLoop against a real API server: the Rollout is real, trainings and Experiments end as the test says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_stage import PARTIAL, count, loop, ship, status_of, train, wait_child, wait_phase
from polling import wait_until
from rollout_objects import component, rollout, route, version
from stage import GATEWAY, PAWL, Stage, set_stage

from apiserver import ApiServer


@pytest.fixture
def loops(apiserver: ApiServer, namespace: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage whose operator leaves TrainingRuns and Experiments to the test."""
    with set_stage(apiserver, namespace, tmp_path, RECONCILED="LearningLoop,Rollout,Component") as found:
        found.start(PARTIAL)
        yield found


def owner(stage: Stage, kind: str, name: str) -> tuple[str, str, bool]:
    [found] = stage.server.get(PAWL, kind, name, stage.namespace)["metadata"]["ownerReferences"]
    return found["kind"], found["uid"], found["controller"]


def test_the_loop_turns_once_and_its_end_leaves_traffic_alone(loops: Stage) -> None:
    before = loops.settle(rollout(loops.namespace, weights=(50, 100), metrics=False))
    uid = loops.create(loop(loops.namespace))["metadata"]["uid"]
    assert wait_phase(loops, "Waiting").get("have") is None
    count(loops, 40)
    wait_until(lambda: status_of(loops).get("have") == 40, 30, loops.explain_log)
    assert not loops.server.list(PAWL, "TrainingRun", loops.namespace)
    count(loops, 120)
    run = wait_child(loops, "TrainingRun", "facts-1")
    assert owner(loops, "TrainingRun", "facts-1") == ("LearningLoop", uid, True)
    assert run["spec"]["component"] == "facts"
    assert run["spec"]["gate"]["champion"] == version("v1")
    count(loops, 0)
    train(loops, "facts-1")
    trial = wait_child(loops, "Experiment", "facts-1")
    assert owner(loops, "Experiment", "facts-1") == ("LearningLoop", uid, True)
    assert (trial["spec"]["rolloutRef"], trial["spec"]["onShip"]) == ({"name": "chat"}, "SetCandidate")
    assert status_of(loops)["learnedUntil"] == run["metadata"]["creationTimestamp"]
    ship(loops, "facts-1")
    wait_until(lambda: bool(status_of(loops).get("history")), 60, loops.explain)
    [record] = status_of(loops)["history"]
    assert (record["turn"], record["outcome"], record["release"]) == (1, "Promoted", 1)
    assert loops.status()["stable"]["digest"] == version("v2")["digest"] != before["stable"]["digest"]
    loops.wait_phase("Healthy")
    wait_phase(loops, "Waiting")
    wait_until(lambda: loops.player.shares()[-1] == 0, 30, loops.explain)
    assert {"TurnStarted", "TurnEnded"} <= set(loops.reasons())
    deleted_it_touches_no_traffic(loops)


def deleted_it_touches_no_traffic(stage: Stage) -> None:
    """Delete the loop; another one that is looked at later shows that the operator has gone on."""

    def versions() -> list[str]:
        found = [("Rollout", PAWL), ("HTTPRoute", GATEWAY)]
        bodies = [stage.server.get(api, kind, "chat", stage.namespace) for kind, api in found]
        return [body["metadata"]["resourceVersion"] for body in bodies]

    wait_until(lambda: stage.condition("TrafficVerified").get("status") == "True", 30, stage.explain)
    before, backends = versions(), stage.backends()
    stage.server.delete(PAWL, "LearningLoop", "facts", stage.namespace)
    stage.create(loop(stage.namespace, name="next"))
    wait_phase(stage, "Waiting", name="next")
    assert (versions(), stage.backends()) == (before, backends)
    assert not [o for o in stage.rollout()["metadata"].get("ownerReferences") or [] if o["kind"] == "LearningLoop"]


def test_stage_none_with_a_person_in_between(loops: Stage) -> None:
    loops.settle(rollout(loops.namespace, weights=(100,), metrics=False))
    loops.create(loop(loops.namespace, stage="None", approval="Manual", experimentTemplate=None))
    count(loops, 100)
    wait_child(loops, "TrainingRun", "facts-1")
    count(loops, 0)
    train(loops, "facts-1")
    status = wait_phase(loops, "AwaitingApproval")
    assert "set spec.candidate of Rollout chat" in status["message"]
    assert "candidate" not in loops.rollout()["spec"]
    loops.release_candidate(version("v2"))
    wait_until(lambda: bool(status_of(loops).get("history")), 60, loops.explain)
    assert status_of(loops)["history"][0]["outcome"] == "Promoted"
    assert not loops.server.list(PAWL, "Experiment", loops.namespace)


def test_the_loop_sets_the_candidate_as_pawl_promote(loops: Stage) -> None:
    loops.settle(rollout(loops.namespace, weights=(100,), hold="60s", metrics=False))
    loops.create(loop(loops.namespace, stage="None", experimentTemplate=None))
    count(loops, 100)
    wait_child(loops, "TrainingRun", "facts-1")
    count(loops, 0)
    train(loops, "facts-1")
    wait_until(lambda: bool(loops.status().get("release")), 40, loops.explain)
    body = loops.rollout()
    assert body["spec"]["candidate"] == version("v2")
    managers = {entry["manager"]: entry["operation"] for entry in body["metadata"]["managedFields"]}
    assert managers["pawl-promote"] == "Apply"
    wait_phase(loops, "Releasing")


def test_a_silent_prometheus_is_told_and_starts_nothing(loops: Stage) -> None:
    loops.create(route(loops.namespace))
    loops.create(component(loops.namespace))
    loops.create(rollout(loops.namespace, metrics=False))
    loops.prometheus.fail_with = 503
    loops.create(loop(loops.namespace))

    def reason() -> str:
        return str(loops.condition("NeedKnown", "facts", "LearningLoop").get("reason"))

    wait_until(lambda: reason() == "QueryFailed", 30, loops.explain_log)
    loops.prometheus.fail_with = 0
    wait_until(lambda: reason() == "NotCounted", 30, loops.explain_log)
    assert status_of(loops).get("turn", 0) == 0
