"""spec.action: asked too early, asked again, asked while the operator was away."""

from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted

from pawl.api.rollout_status import RolloutStatus

DAY = timedelta(days=1)
MINUTES = timedelta(minutes=5)


def started(step: int = 1) -> RolloutWorld:
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.status.release.step == step and w.status.release.step_started_at is not None, 10 * DAY)
    return world


def ended(world: RolloutWorld) -> bool:
    return world.status.release is not None and world.status.release.state in ("RolledBack", "Aborted", "Superseded")


def told(world: RolloutWorld, verb: str) -> list[str]:
    return [note.message.rpartition(" ")[2] for note in world.events if note.message.startswith(f"action {verb}")]


def test_an_abort_that_was_a_moment_too_early_is_taken_when_its_release_begins() -> None:
    world = adopted()
    world.action("Abort", release=1)
    world.stay(timedelta(minutes=1))
    assert world.status.last_action.result == "NothingToDo"
    world.candidate("new")
    world.run(ended, MINUTES)
    assert world.status.release.state == "Aborted"
    assert {weight for _, weight in world.weights} == {0}
    assert told(world, "Abort") == ["NothingToDo", "ActionTaken"]


def test_an_abort_for_the_next_release_waits_for_it_and_spares_this_one() -> None:
    world = started()
    world.action("Abort", release=2)
    world.stay(timedelta(hours=1))
    assert world.status.release.state == "Progressing"
    world.candidate("newer")
    world.run(lambda w: w.status.release.number == 2 and ended(w), timedelta(hours=1))
    assert world.status.release.state == "Aborted"


def test_a_refused_abort_that_is_taken_out_and_put_in_again_is_new() -> None:
    world = adopted()
    world.action("Abort", release=1)
    world.settle()
    world.edit(action=None)
    world.settle()
    assert world.status.last_action is None
    world.candidate("new")
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    world.action("Abort", release=1)
    world.run(ended, MINUTES)
    assert world.status.release.state == "Aborted"


def test_a_retry_during_the_rollback_is_taken_when_traffic_is_back() -> None:
    world = started()
    world.gateway_up = False
    world.crash("new")
    world.settle()
    assert world.status.release.state == "RollingBack"
    world.action("Retry", release=1)
    world.stay(MINUTES)
    assert world.status.last_action.result == "ActionWaits"
    world.gateway_up = True
    world.run(lambda w: w.status.release.number == 2, MINUTES)
    assert told(world, "Retry") == ["ActionWaits", "ActionTaken"]


def test_a_retry_that_was_asked_before_there_was_harm_does_not_release_the_harm_again() -> None:
    world = started()
    world.action("Retry", release=1)
    world.stay(timedelta(hours=1))
    world.crash("new")
    world.run(ended, MINUTES)
    world.stay(timedelta(hours=1))
    assert (world.status.release.number, world.status.phase) == (1, "Degraded")
    world.edit(action=None)
    world.settle()
    world.action("Retry", release=1)
    world.run(lambda w: w.status.release.number == 2, MINUTES)


def test_a_taken_abort_stays_and_a_second_look_changes_nothing() -> None:
    world = started()
    world.action("Abort", release=1)
    world.run(ended, MINUTES)
    world.edit(action=None)
    world.stay(timedelta(hours=1))
    assert world.status.last_action.result == "ActionTaken"
    world.action("Abort", release=1)
    world.stay(timedelta(hours=1))
    assert told(world, "Abort") == ["ActionTaken"]
    assert world.status.release.state == "Aborted"


def test_a_refused_promote_can_be_asked_again_and_is_never_taken_by_itself() -> None:
    world = started()
    world.action("Promote", release=2)
    world.stay(timedelta(hours=1))
    world.edit(action=None)
    world.settle()
    world.candidate("newer")
    world.users_per_hour = 0
    world.run(lambda w: w.status.release.number == 2 and w.candidate_weight == 10, timedelta(hours=1))
    world.stay(2 * DAY)
    assert world.candidate_weight == 10
    world.action("Promote", release=2)
    world.run(lambda w: w.candidate_weight == 100, timedelta(hours=1))


@pytest.mark.parametrize("verb", ["Abort", "Retry", "Promote"])
def test_an_action_from_before_a_lost_status_is_done_only_when_it_is_asked_again(verb: str) -> None:
    world = started()
    world.crash("new")
    world.run(ended, MINUTES)
    world.stay(MINUTES)
    world.action(verb, release=1)
    world.status = RolloutStatus()
    world.stay(DAY)
    assert world.status.last_action.result == "StatusLost"
    assert world.status.release is None
    world.edit(action=None)
    world.settle()
    assert world.status.last_action is None


@pytest.mark.parametrize(
    ("phase", "why"), [("Progressing", "abort"), ("Progressing", "withdrawn"), ("Baking", "abort")]
)
def test_no_error_in_judging_stands_between_a_person_and_the_way_back(
    phase: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.status.release is not None and w.status.release.state == phase, 10 * DAY)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    for module in ("release", "baking"):
        monkeypatch.setattr(f"pawl_operator.kinds.rollout.{module}.consider", broken)
    if why == "abort":
        world.action("Abort", release=1)
    else:
        world.edit(candidate=None)
    world.run(ended, MINUTES)
    assert world.status.stable.revision == world.revision("old")
