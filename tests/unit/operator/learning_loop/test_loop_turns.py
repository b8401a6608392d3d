"""One turn of a LearningLoop: from new examples to a promoted version, and every other way in which it can end."""

from datetime import timedelta

import pytest
from loop_world import START, LoopWorld, spec, stamp, version

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def begun(**changes: object) -> LoopWorld:
    """A world whose first turn trains on 120 examples."""
    world = LoopWorld(wire=spec(**changes))
    world.label(120)
    world.settle()
    assert world.status.phase == "Training"
    return world


def shipped(**changes: object) -> LoopWorld:
    """A world whose first version has been registered and, where there is a stage, shipped."""
    world = begun(**changes)
    world.now += HOUR
    world.train(1)
    world.settle()
    if ("Experiment", 1) in world.children:
        world.now += HOUR
        world.decided(1, "Ship")
        world.settle()
    return world


def test_a_whole_turn_ends_in_a_promoted_version() -> None:
    world = begun()
    assert world.status.active == "TrainingRun/facts-1"
    assert world.status.learned_until is None
    world.now += HOUR
    world.train(1)
    world.settle()
    assert (world.status.phase, world.status.active) == ("Experimenting", "Experiment/facts-1")
    assert world.status.learned_until == START + HOUR
    world.now += HOUR
    world.decided(1, "Ship")
    world.settle()
    assert world.status.phase == "Releasing"
    number = world.release()
    world.settle()
    assert f"release {number} of Rollout chat: step 1 of 1" in world.status.message
    world.now += HOUR
    world.release_ends("Promoted")
    world.settle()
    [record] = world.status.history
    assert (record.turn, record.outcome, record.reason) == (1, "Promoted", "Promoted")
    assert (record.source, record.digest, record.release) == (version(1).source, version(1).digest, number)
    assert (record.started_at, record.finished_at, record.examples) == (START, START + 3 * HOUR, 120)
    assert world.status.last_finished_at == START + 3 * HOUR
    assert (world.status.phase, world.status.turn, world.status.turns) == ("Waiting", 1, ())


def test_children_are_made_from_the_templates_and_owned() -> None:
    world = begun()
    run = world.children["TrainingRun", 1]
    assert run["metadata"]["ownerReferences"][0] == {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": "LearningLoop",
        "name": "facts",
        "uid": "uid-1",
        "controller": True,
        "blockOwnerDeletion": False,
    }
    assert (run["metadata"]["name"], run["spec"]["component"]) == ("facts-1", "facts")
    assert (run["spec"]["trainer"], run["spec"]["gate"]["champion"]) == ("linear-tagger", {"source": "none"})
    world.train(1)
    world.settle()
    trial = world.children["Experiment", 1]["spec"]
    assert (trial["rolloutRef"], trial["mode"], trial["onShip"]) == ({"name": "chat"}, "Live", "SetCandidate")
    treatment = {"name": "treatment", "role": "Treatment", "weight": 30}
    assert trial["variants"] == [{"name": "control", "role": "Control"}, treatment | version(1).to_wire()]


def test_the_champion_is_pinned_when_the_turn_begins() -> None:
    world = LoopWorld()
    world.live("b" * 10, version(50).source, version(50).digest)
    world.label(100)
    world.settle()
    assert world.children["TrainingRun", 1]["spec"]["gate"]["champion"] == version(50).to_wire()
    assert world.status.turns[0].champion is not None
    assert world.status.turns[0].champion.revision == "b" * 10


@pytest.mark.parametrize(("stage", "mode"), [("Live", "Live"), ("Shadow", "Shadow")])
def test_the_stage_is_the_mode_of_the_experiment(stage: str, mode: str) -> None:
    world = begun(stage=stage)
    world.train(1)
    world.settle()
    assert world.children["Experiment", 1]["spec"]["mode"] == mode


def test_stage_none_sets_the_candidate_itself() -> None:
    world = shipped(stage="None", experimentTemplate=None)
    assert ("Experiment", 1) not in world.children
    assert world.rollout_spec["candidate"] == version(1).to_wire()
    assert world.status.phase == "Releasing"
    world.release()
    world.settle()
    world.release_ends("RolledBack", "HarmProven")
    world.settle()
    assert world.outcomes() == [(1, "RolledBack", "HarmProven")]


@pytest.mark.parametrize("stage", ["Live", "None"])
def test_with_manual_approval_a_person_sets_the_candidate(stage: str) -> None:
    world = shipped(stage=stage, approval="Manual")
    if stage == "Live":
        assert world.children["Experiment", 1]["spec"]["onShip"] == "Report"
    assert world.status.phase == "AwaitingApproval"
    assert f"set spec.candidate of Rollout chat to source: {version(1).source}" in world.status.message
    assert "candidate" not in world.rollout_spec
    world.advance(timedelta(days=3))
    assert world.status.phase == "AwaitingApproval"
    world.approve(1)
    world.settle()
    assert world.status.phase == "Releasing"
    world.release()
    world.release_ends("Promoted")
    world.settle()
    assert world.outcomes() == [(1, "Promoted", "Promoted")]


def test_an_approval_that_is_no_longer_asked_for_is_given() -> None:
    world = shipped(approval="Manual")
    world.edit(approval="Automatic")
    world.settle()
    assert world.rollout_spec["candidate"] == version(1).to_wire()
    assert world.status.phase == "Releasing"


@pytest.mark.parametrize("decision", ["Reject", "KeepControl", "Extend", "Invalid"])
def test_a_version_that_is_not_shipped_ends_its_turn(decision: str) -> None:
    world = begun()
    world.train(1)
    world.settle()
    world.decided(1, decision)
    world.settle()
    assert world.outcomes() == [(1, "NotShipped", decision)]
    assert "candidate" not in world.rollout_spec


def test_a_gate_that_refuses_ends_the_turn_and_the_examples_are_learned() -> None:
    world = begun()
    world.now += HOUR
    world.train(1, gate={"passed": False}, message="0.01 is not above 0.02")
    world.settle()
    assert world.outcomes() == [(1, "GateRefused", "GateRefused")]
    assert "0.01 is not above 0.02" in world.status.history[0].message
    assert world.status.learned_until == START + HOUR
    world.advance(timedelta(days=1))
    assert (world.status.turn, world.status.have) == (1, 0)


def test_a_training_that_registers_nothing_ends_the_turn() -> None:
    world = begun()
    world.train(1, gate={"passed": True})
    world.settle()
    assert world.outcomes() == [(1, "NotRegistered", "NotRegistered")]


def test_a_failed_training_is_tried_again_after_a_growing_pause_with_the_same_examples() -> None:
    world = begun()
    condition = {
        "type": "Succeeded",
        "status": "False",
        "reason": "OutOfMemory",
        "lastTransitionTime": "2026-01-05T08:00:00Z",
    }
    world.train(1, "Failed", conditions=[condition], message="raise the limit")
    world.settle()
    assert world.outcomes() == [(1, "TrainingFailed", "OutOfMemory")]
    assert world.status.learned_until is None
    assert "after a turn that failed" in world.status.message
    world.advance(9 * MINUTE)
    assert world.status.turn == 1
    world.advance(MINUTE)
    assert world.status.turn == 2
    world.train(2, "Failed")
    world.settle()
    world.advance(19 * MINUTE)
    assert world.status.turn == 2
    world.advance(MINUTE)
    assert world.status.turn == 3
    assert world.status.turns[0].examples == 120


def test_a_pause_is_never_longer_than_a_day() -> None:
    world = begun()
    for number in range(1, 16):
        world.train(number, "Failed")
        world.settle()
        world.advance(timedelta(days=1))
        assert world.status.turn == number + 1


@pytest.mark.parametrize("kind", ["TrainingRun", "Experiment"])
def test_a_child_that_somebody_deletes_ends_the_turn(kind: str) -> None:
    world = begun()
    if kind == "Experiment":
        world.train(1)
        world.settle()
    world.reconcile()
    del world.children[kind, 1]
    world.settle()
    assert world.outcomes() == [(1, "Lost", "ChildDeleted")]
    assert world.active() == []


def test_a_child_that_is_not_accepted_is_told_with_the_remedy() -> None:
    world = begun()
    refused = {"type": "Accepted", "status": "False", "reason": "ChampionNotServed", "message": "nobody serves it"}
    refused["lastTransitionTime"] = stamp(START)
    world.children["TrainingRun", 1]["status"] = {"phase": "Pending", "conditions": [refused]}
    world.settle()
    ready = next(entry for entry in world.status.conditions if entry.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "ChildRefused")
    assert "nobody serves it" in world.status.message
    assert "delete facts-1 to end the turn" in world.status.message


def test_names_that_belong_to_others_are_passed_over() -> None:
    world = LoopWorld(taken=frozenset({1, 2}))
    world.label(100)
    world.settle()
    assert world.status.active == "TrainingRun/facts-3"


def test_a_name_that_is_taken_in_the_last_moment_ends_the_turn() -> None:
    world = LoopWorld()
    world.label(100)
    world.reconcile(stop_after=1)
    world.taken = frozenset({1})
    world.settle()
    assert world.outcomes() == [(1, "Lost", "NameTaken")]


@pytest.mark.parametrize(("outcome", "cause"), [("Aborted", "Aborted"), ("Superseded", "Superseded")])
def test_how_the_release_ended_is_how_the_turn_ended(outcome: str, cause: str) -> None:
    world = shipped()
    world.release()
    world.settle()
    world.release_ends(outcome, cause)
    world.settle()
    assert world.outcomes() == [(1, outcome, cause)]


def test_a_release_that_came_and_went_while_nobody_looked_is_found_in_the_history() -> None:
    world = shipped()
    world.release()
    world.release_ends("RolledBack", "CrashLoop")
    world.rollout_spec["candidate"] = version(77).to_wire()
    world.release()
    world.settle()
    assert world.outcomes() == [(1, "RolledBack", "CrashLoop")]


def test_another_candidate_before_the_release_began_ends_the_turn() -> None:
    world = shipped()
    world.approve(99)
    world.settle()
    assert world.outcomes() == [(1, "Superseded", "CandidateReplaced")]


def test_an_experiment_that_never_sets_the_candidate_is_not_waited_for_for_ever() -> None:
    world = begun()
    world.train(1)
    world.settle()
    world.children["Experiment", 1]["status"] = {"phase": "Complete", "decision": "Ship"}
    world.settle()
    assert "is setting the candidate" in world.status.message
    world.advance(10 * MINUTE)
    assert world.outcomes() == [(1, "Superseded", "CandidateNotSet")]


def test_a_rollout_that_is_gone_ends_what_was_released() -> None:
    world = shipped()
    world.rollout_there = False
    world.settle()
    assert world.outcomes() == [(1, "Lost", "RolloutNotFound")]
    assert world.status.phase == "Pending"


def test_a_version_that_is_live_already_is_not_tried() -> None:
    world = begun()
    world.train(1, registered={"source": "none", "digest": ""})
    world.settle()
    assert world.outcomes() == [(1, "Unchanged", "SameAsStable")]


def test_a_version_that_was_rolled_back_before_is_not_tried() -> None:
    world = shipped()
    world.release()
    world.settle()
    world.release_ends("RolledBack", "HarmProven")
    world.settle()
    world.advance(HOUR)
    world.label(100)
    world.settle()
    world.train(2, registered=version(1).to_wire())
    world.settle()
    assert world.outcomes()[-1] == (2, "NotShipped", "RejectedCandidate")
