"""When a turn begins: counts, schedules, floors, and what is unknown is never enough."""

from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest
from loop_world import MAX_AGE, START, LoopWorld, spec

from pawl.evidence import Flaw, Sample
from pawl.new_examples import COMPUTED, COUNT, NewExamples, parse_new_examples

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def condition(world: LoopWorld, kind: str) -> tuple[str, str]:
    found = next(entry for entry in world.status.conditions if entry.type == kind)
    return found.status, found.reason


def test_nothing_begins_below_the_need_and_the_date_is_foretold() -> None:
    world = LoopWorld()
    world.now += HOUR
    world.label(50)
    world.settle()
    assert (world.status.phase, world.status.have, world.status.need) == ("Waiting", 50, 100)
    assert world.status.expected_at == START + 2 * HOUR
    assert "50 of 100, expected 2026-01-05 10:00" in world.status.message
    assert condition(world, "NeedKnown") == ("True", "Counted")
    assert condition(world, "Ready") == ("True", "WaitingForExamples")


def test_the_date_moves_only_when_something_is_counted() -> None:
    world = LoopWorld()
    world.now += HOUR
    world.label(50)
    world.settle()
    before = world.fingerprint()
    for _ in range(50):
        world.now += MINUTE
        world.reconcile()
    assert world.fingerprint() == before


def test_after_long_enough_the_floor_suffices() -> None:
    world = LoopWorld()
    world.label(30)
    world.advance(28 * DAY - MINUTE)
    assert world.status.turn == 0
    world.advance(2 * MINUTE)
    assert (world.status.turn, world.status.turns[0].cause) == (1, "FloorReached")


def test_below_the_floor_nothing_ever_begins() -> None:
    world = LoopWorld()
    world.label(19)
    world.advance(100 * DAY)
    assert (world.status.turn, world.status.need) == (0, 20)


def test_unknown_is_never_enough_and_never_zero() -> None:
    world = LoopWorld()
    world.now += HOUR
    world.label(500)
    world.prometheus_up = world.monitor_up = False
    world.advance(MAX_AGE + HOUR)
    assert (world.status.turn, world.status.have) == (0, None)
    assert condition(world, "NeedKnown") == ("False", "QueryFailed")
    world.prometheus_up = True
    world.settle()
    assert condition(world, "NeedKnown") == ("False", "CountStale")
    world.monitor_up = True
    world.settle()
    assert world.status.turn == 1


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"fresh_at": None}, "QueryFailed"),
        ({"fresh_at": START - MAX_AGE - HOUR}, "QueryFailed"),
        ({"examples": None}, "NotCounted"),
        ({"examples": NewExamples(500, None, Flaw.TWO_SOURCES)}, "TwoSources"),
        ({"examples": NewExamples(500, None, Flaw.NON_FINITE)}, "NonFinite"),
        ({"examples": NewExamples(500, START + MINUTE)}, "ClockSkew"),
    ],
)
def test_every_flaw_of_the_count_is_told(seen: dict[str, object], reason: str) -> None:
    world = LoopWorld(more=seen)
    world.settle()
    assert (world.status.turn, world.status.have) == (0, None)
    assert condition(world, "NeedKnown") == ("False", reason)


@pytest.mark.parametrize("asked_at", [None, START - HOUR])
def test_a_loop_about_which_nobody_has_asked_is_no_outage(asked_at: datetime | None) -> None:
    """After a restart nobody has been asked; and whoever was asked before the loop was made said nothing about it."""
    world = LoopWorld(more={"asked_at": asked_at, "fresh_at": asked_at})
    world.settle()
    assert condition(world, "NeedKnown") == ("Unknown", "NotAsked")
    assert (world.status.turn, world.status.have) == (0, None)


def test_a_count_from_before_the_last_training_starts_no_second_one() -> None:
    """The monitor may have read the status a moment before learnedUntil moved."""
    world = LoopWorld()
    world.label(100)
    world.settle()
    world.now += HOUR
    world.train(1, gate={"passed": False})
    world.more = {"examples": NewExamples(100, world.now)}
    world.settle()
    assert condition(world, "NeedKnown") == ("Unknown", "Recounting")
    assert world.status.turn == 1
    world.more = {}
    world.advance(MINUTE)
    assert (world.status.turn, world.status.have) == (1, 0)


def test_what_a_training_has_is_not_counted_beside_it() -> None:
    world = LoopWorld()
    world.label(120)
    world.settle()
    assert world.status.have == 0
    world.label(7)
    world.settle()
    assert world.status.have == 7


def test_a_schedule_says_when_the_need_is_looked_at() -> None:
    world = LoopWorld(wire=spec(schedule="0 3 * * *", timeZone="Europe/Berlin"))
    world.label(500)
    world.settle()
    assert world.status.turn == 0
    assert "looks at the need at 2026-01-06 02:00 UTC" in world.status.message
    world.advance(18 * HOUR - MINUTE)
    assert world.status.turn == 0
    world.advance(MINUTE)
    assert world.status.turn == 1
    assert world.status.looked_at == datetime(2026, 1, 6, 2, tzinfo=UTC)


def test_a_look_at_too_few_examples_waits_for_the_next_time() -> None:
    world = LoopWorld(wire=spec(schedule="0 3 * * *"))
    world.label(50)
    world.advance(DAY)
    world.label(500)
    world.settle()
    assert world.status.turn == 0
    world.advance(DAY)
    assert world.status.turn == 1


def test_a_look_is_kept_until_the_need_is_known() -> None:
    world = LoopWorld(wire=spec(schedule="0 3 * * *"))
    world.label(500)
    world.monitor_up = False
    world.advance(DAY)
    assert (world.status.turn, world.status.looked_at) == (0, None)
    world.monitor_up = True
    world.settle()
    assert world.status.turn == 1


def test_times_that_pass_while_suspended_are_not_made_up_for() -> None:
    world = LoopWorld(wire=spec(schedule="0 3 * * *", suspend=True))
    world.label(500)
    world.advance(3 * DAY)
    assert (world.status.phase, world.status.turn) == ("Suspended", 0)
    world.edit(suspend=False)
    world.settle()
    assert world.status.turn == 0
    world.advance(DAY)
    assert world.status.turn == 1


def test_suspended_it_lets_what_runs_finish_and_starts_nothing_new() -> None:
    world = LoopWorld()
    world.label(100)
    world.settle()
    world.edit(suspend=True)
    world.train(1)
    world.settle()
    assert world.status.phase == "Queued"
    assert "the loop is suspended" in world.status.message
    assert world.active() == []
    world.edit(suspend=False)
    world.settle()
    assert world.status.phase == "Experimenting"
    world.edit(suspend=True)
    world.decided(1, "Ship")
    world.settle()
    assert world.status.phase == "Releasing"


@pytest.mark.parametrize(
    ("change", "seen", "reason"),
    [
        ({"schedule": "61 3 * * *"}, {}, "InvalidSpec"),
        ({"timeZone": "Europe/Atlantis"}, {}, "InvalidSpec"),
        ({}, {"component_exists": False}, "ComponentNotFound"),
        ({}, {"rollout": None}, "RolloutNotFound"),
        ({}, {"rival": "older"}, "ComponentClaimed"),
        ({"component": "other"}, {}, "ComponentMismatch"),
        (
            {"source": {"type": "Registry", "registry": {"model": "m", "alias": "a"}}, "trainingTemplate": None},
            {},
            "RegistrySourceNotOffered",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused(change: dict[str, object], seen: dict[str, object], reason: str) -> None:
    world = LoopWorld(wire=spec(**change), more=seen)
    world.label(500)
    world.settle()
    assert (world.status.phase, world.status.turn) == ("Pending", 0)
    assert condition(world, "Accepted") == condition(world, "Ready") == ("False", reason)
    assert world.status.message


def test_without_a_stable_revision_there_is_nothing_to_compare_with() -> None:
    world = LoopWorld()
    world.rollout_status = {}
    world.label(500)
    world.settle()
    assert condition(world, "Ready") == ("True", "WaitingForStable")
    assert world.status.turn == 0


def samples(**changes: float) -> list[Sample]:
    values = {COUNT: 5.0, COMPUTED: START.timestamp()} | changes
    return [Sample(name, {"uid": "u", "instance": "monitor"}, value) for name, value in values.items()]


def test_samples_become_a_count() -> None:
    other = Sample("pawl_evidence_batch", {"uid": "u"}, 1.0)
    nameless = Sample(COUNT, {"instance": "monitor"}, 1.0)
    assert parse_new_examples([*samples(), other, nameless]) == {"u": NewExamples(5, START)}


@pytest.mark.parametrize(
    ("found", "flaw"),
    [
        (samples()[:1], Flaw.INCOMPLETE),
        ([*samples(), Sample(COUNT, {"uid": "u", "instance": "other"}, 5.0)], Flaw.TWO_SOURCES),
        ([*samples(), *samples()], Flaw.DUPLICATE),
        (samples(**{COUNT: nan}), Flaw.NON_FINITE),
        (samples(**{COUNT: -1.0}), Flaw.NON_FINITE),
        (samples(**{COMPUTED: inf}), Flaw.NON_FINITE),
        (samples(**{COMPUTED: nan}), Flaw.NON_FINITE),
    ],
)
def test_a_count_that_cannot_be_trusted_has_a_flaw(found: list[Sample], flaw: Flaw) -> None:
    assert parse_new_examples(found)["u"].flaw is flaw
