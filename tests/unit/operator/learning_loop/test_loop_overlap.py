"""Turns that overlap: one is released while the next trains and waits; the newest wins; what is left over goes."""

from datetime import timedelta

import pytest
from loop_world import START, LoopWorld, spec, version

from pawl.api.learning_loop import LearningLoopStatus

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def step(world: LoopWorld, span: timedelta = HOUR) -> None:
    """Let some time pass."""
    world.advance(span)


def releasing(**changes: object) -> LoopWorld:
    """A world whose first version is on its way in the Rollout."""
    world = LoopWorld(wire=spec(stage="None", experimentTemplate=None, **changes))
    turn(world, 1)
    world.release()
    world.settle()
    assert world.status.phase == "Releasing"
    return world


def turn(world: LoopWorld, number: int) -> None:
    """Let a turn train and register its version."""
    step(world)
    world.label(100)
    world.settle()
    assert world.status.turn == number
    step(world)
    world.train(number)
    world.settle()


def condition(world: LoopWorld, kind: str) -> tuple[str, str]:
    found = next(entry for entry in world.status.conditions if entry.type == kind)
    return found.status, found.reason


def test_while_a_release_is_on_its_way_the_next_trains_and_waits() -> None:
    world = releasing()
    turn(world, 2)
    assert [(entry.number, entry.state) for entry in world.status.turns] == [(1, "Releasing"), (2, "Queued")]
    assert world.status.phase == "Queued"
    assert condition(world, "Queued") == ("True", "Queued")
    assert "release 1 of Rollout chat is on its way" in world.status.message
    world.release_ends("RolledBack", "HarmProven")
    world.settle()
    assert world.outcomes() == [(1, "RolledBack", "HarmProven")]
    assert (world.status.phase, world.rollout_spec["candidate"]) == ("Releasing", version(2).to_wire())
    assert condition(world, "Queued") == ("False", "NothingQueued")


def test_of_those_that_wait_the_newest_wins() -> None:
    world = releasing()
    turn(world, 2)
    turn(world, 3)
    assert world.outcomes() == [(2, "Superseded", "NewerVersion")]
    assert [entry.number for entry in world.status.turns] == [1, 3]
    world.release_ends("RolledBack", "HarmProven")
    world.settle()
    assert world.rollout_spec["candidate"] == version(3).to_wire()


def test_a_version_waits_for_a_newer_one_that_still_trains_and_goes_if_that_fails() -> None:
    world = releasing()
    turn(world, 2)
    step(world)
    world.label(100)
    world.settle()
    assert [entry.state for entry in world.status.turns] == ["Releasing", "Queued", "Training"]
    world.release_ends("RolledBack", "HarmProven")
    world.settle()
    assert "turn 3 is on its way" in world.status.message
    world.train(3, "Failed")
    world.settle()
    assert (world.status.phase, world.rollout_spec["candidate"]) == ("Releasing", version(2).to_wire())


def test_a_release_that_others_began_is_waited_for_too() -> None:
    world = LoopWorld()
    world.rollout_spec["candidate"] = version(70).to_wire()
    world.release()
    turn(world, 1)
    assert world.status.phase == "Queued"
    assert ("Experiment", 1) not in world.children
    world.release_ends("RolledBack", "HarmProven")
    world.settle()
    assert world.status.phase == "Experimenting"


def test_the_gate_is_run_again_where_stable_moved_meanwhile() -> None:
    world = releasing()
    turn(world, 2)
    world.release_ends("Promoted")
    world.settle()
    assert world.outcomes() == [(1, "Promoted", "Promoted"), (2, "StableMoved", "StableMoved")]
    [again] = world.status.turns
    assert (again.number, again.state, again.cause) == (3, "Training", "GateAgain")
    assert world.children["TrainingRun", 3]["spec"]["gate"]["champion"] == version(1).to_wire()


def test_a_gate_that_failed_to_run_again_is_tried_again() -> None:
    world = releasing()
    turn(world, 2)
    world.release_ends("Promoted")
    world.settle()
    world.train(3, "Failed")
    world.settle()
    step(world)
    assert (world.status.turn, world.status.turns[0].cause) == (4, "GateAgain")
    world.train(4, gate={"passed": False})
    world.settle()
    step(world, 2 * DAY)
    assert world.status.turn == 4


def test_stable_that_moves_while_a_person_hesitates_makes_the_gate_run_again() -> None:
    world = LoopWorld(wire=spec(approval="Manual", stage="None", experimentTemplate=None))
    turn(world, 1)
    assert world.status.phase == "AwaitingApproval"
    world.live("b" * 10, version(70).source, version(70).digest)
    world.settle()
    assert world.outcomes() == [(1, "StableMoved", "StableMoved")]
    assert world.status.turn == 2


def test_a_newer_version_takes_the_place_of_one_that_waits_for_a_person() -> None:
    world = LoopWorld(wire=spec(approval="Manual", stage="None", experimentTemplate=None))
    turn(world, 1)
    turn(world, 2)
    assert world.outcomes() == [(1, "Superseded", "NewerVersion")]
    assert [(entry.number, entry.state) for entry in world.status.turns] == [(2, "AwaitingApproval")]


def test_forbid_waits_for_the_training_on_its_way() -> None:
    world = LoopWorld()
    world.label(100)
    world.settle()
    world.label(500)
    step(world, DAY)
    assert (world.status.turn, world.active()) == (1, ["TrainingRun/facts-1"])
    world.train(1, gate={"passed": False}, dataset={"until": "2026-01-05T08:00:00Z"})
    world.label(100)
    world.settle()
    step(world)
    assert world.status.turn == 2


def test_replace_ends_the_training_for_the_sake_of_newer_examples() -> None:
    world = LoopWorld(wire=spec(concurrencyPolicy="Replace"))
    world.label(100)
    world.settle()
    world.label(99)
    step(world)
    assert world.status.turn == 1
    world.label(1)
    step(world)
    assert world.outcomes() == [(1, "Replaced", "NewerExamples")]
    assert world.active() == ["TrainingRun/facts-2"]
    assert world.status.turns[0].examples == 200


def test_replace_never_ends_an_experiment() -> None:
    world = LoopWorld(wire=spec(concurrencyPolicy="Replace"))
    turn(world, 1)
    world.label(500)
    step(world, DAY)
    assert world.active() == ["Experiment/facts-1"]


def test_the_next_turn_waits_until_the_replaced_child_is_gone() -> None:
    world = LoopWorld(wire=spec(concurrencyPolicy="Replace"))
    world.label(100)
    world.settle()
    world.label(100)
    world.reconcile(stop_after=1)
    assert world.outcomes() == [(1, "Replaced", "NewerExamples")]
    plan = world.reconcile(stop_after=1)
    assert "waits until a child of an ended turn is gone" in plan.status.message
    assert world.status.turn == 1
    world.settle()
    assert world.active() == ["TrainingRun/facts-2"]


@pytest.mark.parametrize(("successful", "failed"), [(3, 1), (0, 0)])
def test_finished_children_beyond_the_limits_go_and_the_newest_stay(successful: int, failed: int) -> None:
    world = LoopWorld(wire=spec(historyLimits={"successful": successful, "failed": failed}))
    number = 0
    for _ in range(4):
        number += 1
        turn(world, number)
        world.decided(number, "Reject")
        world.settle()
        number += 1
        step(world)
        world.label(100)
        world.settle()
        world.train(number, "Failed")
        world.settle()
        world.received.clear()
        step(world, DAY)
    runs = sorted(number for kind, number in world.children if kind == "TrainingRun")
    trials = sorted(number for kind, number in world.children if kind == "Experiment")
    assert runs == sorted([1, 3, 5, 7][4 - successful :] + [2, 4, 6, 8][4 - failed :])
    assert trials == [1, 3, 5, 7][4 - successful :]


def test_children_of_a_turn_under_way_are_kept_whatever_the_limits() -> None:
    world = releasing(historyLimits={"successful": 0, "failed": 0})
    step(world, DAY)
    assert ("TrainingRun", 1) in world.children


def test_the_history_is_bounded() -> None:
    world = LoopWorld()
    for number in range(1, 30):
        turn(world, number)
        world.decided(number, "Reject")
        world.settle()
    assert [record.turn for record in world.status.history] == list(range(10, 30))


@pytest.mark.parametrize("stage", ["Training", "Experimenting"])
def test_a_lost_status_is_taken_up_from_the_children(stage: str) -> None:
    world = LoopWorld()
    world.label(100)
    world.settle()
    if stage == "Experimenting":
        step(world)
        world.train(1)
        world.settle()
    world.status = LearningLoopStatus()
    world.settle()
    assert (world.status.phase, world.status.turn) == (stage, 1)
    assert len(world.active()) == 1
    if stage == "Training":
        world.train(1)
        world.settle()
    else:
        assert world.status.learned_until == START + HOUR
    world.decided(1, "Ship")
    world.settle()
    assert world.rollout_spec["candidate"] == version(1).to_wire()


def test_after_a_lost_status_numbers_go_on() -> None:
    world = LoopWorld()
    turn(world, 1)
    world.decided(1, "Reject")
    world.settle()
    world.status = LearningLoopStatus()
    turn(world, 2)
    assert world.active() == ["Experiment/facts-2"]


def test_a_child_that_works_for_no_turn_is_ended() -> None:
    world = LoopWorld()
    turn(world, 1)
    world.decided(1, "Reject")
    world.settle()
    world.children["Experiment", 1]["status"] = {}
    world.settle()
    assert world.active() == []
    assert ("Experiment", 1) not in world.children
