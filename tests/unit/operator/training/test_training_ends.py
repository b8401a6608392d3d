"""How a run is suspended, resumed, found again and deleted; and what a kill or a silent cluster changes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from training_world import DIGEST, START, TrainingWorld, report, running, spec

from pawl_operator.kinds.training_run import actions as act
from pawl_operator.kinds.training_run.snapshot import Champion

MINUTE = timedelta(minutes=1)
CHAMPION = {"source": "models:/demo.facts/6", "digest": DIGEST}


def test_suspend_stops_and_a_new_attempt_follows_that_costs_no_failure() -> None:
    world = running()
    world.stay(10 * MINUTE)
    world.edit(suspend=True)
    world.settle()
    assert (world.status.phase, world.attempts) == ("Suspended", {})
    assert world.condition("Suspended") == ("True", "Suspended")
    world.stay(timedelta(days=3))
    world.edit(suspend=False)
    world.settle()
    assert world.newest.number == 2
    assert [entry.reason for entry in world.status.attempts] == ["Suspended", ""]
    assert (world.status.failures, world.status.active_seconds) == (0, 600)
    assert world.condition("Suspended") == ("False", "NotSuspended")
    assert world.started[0].until == world.started[1].until == START


def test_a_run_that_is_suspended_from_the_start_starts_nothing() -> None:
    world = TrainingWorld(spec(suspend=True))
    world.settle()
    assert (world.status.phase, world.status.started_at, world.attempts) == ("Suspended", None, {})


def test_an_attempt_that_has_ended_is_read_even_if_suspend_comes() -> None:
    world = running()
    world.end("Succeeded", report())
    world.edit(suspend=True)
    world.settle()
    assert world.condition("Succeeded") == ("True", "Registered")


def test_a_namesake_of_another_run_is_waited_for_and_never_touched() -> None:
    world = TrainingWorld()
    world.reconcile(stop_after=1)
    assert world.attempts == {}
    other = TrainingWorld()
    other.settle()
    world.attempts[1] = replace(other.newest, owned=False, text=report(), stage="Succeeded")
    world.settle()
    assert world.condition("Running") == ("False", "NameTaken")
    assert world.status.attempts[-1].uid == ""
    assert world.retired == []
    del world.attempts[1]
    world.run(lambda w: bool(w.attempts), MINUTE)


def test_an_attempt_that_is_refused_as_written_ends_the_run() -> None:
    world = TrainingWorld(refuses="spec.template.spec.containers[0].image: Required value")
    world.settle()
    assert world.condition("Succeeded") == ("False", "StartRefused")
    assert "Required value" in world.status.message


def test_a_champion_that_is_no_longer_served_ends_a_run_that_has_begun() -> None:
    champion = Champion("0123456789", "http://x")
    world = TrainingWorld(spec(gate={"champion": CHAMPION}), champion=champion)
    world.settle()
    world.end("Failed", report("Failed"))
    world.settle()
    world.champion = None
    world.wait_phase("Failed", MINUTE)
    assert world.condition("Succeeded") == ("False", "ChampionNotServed")
    assert world.condition("Accepted") == ("False", "ChampionNotServed")


def test_a_lost_status_is_found_again_by_the_attempt_that_runs() -> None:
    world = running()
    world.end("Failed", report("Failed"))
    world.run(lambda w: max(w.attempts) == 2)
    world.set_running()
    world.now += 10 * MINUTE
    world.lose_status()
    world.settle()
    assert [entry.number for entry in world.status.attempts] == [2]
    assert world.status.dataset is not None
    assert world.status.dataset.until == START
    assert len(world.started) == 2
    world.end("Succeeded", report())
    world.settle()
    assert world.status.phase == "Succeeded"


def test_a_finished_run_is_deleted_when_its_time_has_passed() -> None:
    world = running(ttlSecondsAfterFinished=60)
    world.end("Succeeded", report())
    world.settle()
    assert world.wake_at is not None
    assert world.wake_at <= world.now + MINUTE
    world.run(lambda w: w.gone, 2 * MINUTE)
    assert world.now == START + MINUTE


def test_a_finished_run_stays_as_it_is() -> None:
    world = running()
    world.end("Succeeded", report())
    world.settle()
    before = world.status
    world.attempts.clear()
    world.component = None
    world.edit(suspend=True)
    world.stay(timedelta(days=1))
    assert world.status == before


def test_a_job_in_somebody_elses_cluster_is_stopped_before_the_run_goes() -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "ray://ray:10001"}))
    world.settle()
    assert world.finalizers == {act.FINALIZER}
    world.set_running()
    world.settle()
    world.deleting_since = world.now
    world.settle()
    assert (world.gone, world.attempts) == (True, {})


def test_a_cluster_that_does_not_answer_holds_a_deletion_up_for_five_minutes_at_most() -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "ray://ray:10001"}))
    world.settle()
    world.deleting_since, world.unreachable = world.now, "no answer"
    world.stay(timedelta(minutes=4))
    assert not world.gone
    world.run(lambda w: w.gone, timedelta(minutes=2))
    assert world.events[-1].reason == "EngineUnreachable"


def test_a_cluster_that_does_not_answer_changes_nothing_until_the_deadline() -> None:
    world = running(engine={"rayAddress": "http://ray:8265"}, activeDeadline="1h")
    world.unreachable = "the Ray cluster does not answer"
    world.stay(timedelta(minutes=30))
    assert world.condition("Running") == ("Unknown", "EngineUnreachable")
    world.wait_phase("Failed", timedelta(hours=1))
    assert world.condition("Succeeded") == ("False", "DeadlineExceeded")
    world.unreachable = ""
    world.stay(2 * MINUTE)
    assert world.attempts == {}
    assert world.finalizers == set()


def test_a_cluster_that_never_answers_ends_the_run_at_the_start_deadline() -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "http://ray:8265"}), unreachable="no answer")
    world.wait_phase("Failed", timedelta(minutes=11))
    assert world.condition("Succeeded") == ("False", "StartDeadlineExceeded")


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_kill_after_any_write_of_the_first_pass_changes_nothing(stop_after: int) -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "http://ray:8265"}))
    world.reconcile(stop_after=stop_after)
    world.settle()
    assert [attempt.number for attempt in world.attempts.values()] == [1]
    assert [entry.number for entry in world.status.attempts] == [1]
    assert len(world.started) == 1


def test_the_engine_ends_an_attempt_by_itself_if_the_operator_never_comes_back() -> None:
    world = TrainingWorld(spec(activeDeadline="2h"))
    world.settle()
    assert world.started[0].seconds == 2 * 3600 + 60
    longest = TrainingWorld(spec(activeDeadline="999999h"))
    longest.settle()
    assert longest.started[0].seconds == 2**31 - 1
