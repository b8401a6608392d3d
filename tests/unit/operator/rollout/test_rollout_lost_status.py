"""Restored without status, contested, or of a kind that cannot be served: traffic does not move."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted, spec

from pawl.api.rollout_status import RolloutStatus
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.snapshot import ClaimState

DAY = timedelta(days=1)


def shares(world: RolloutWorld) -> dict[str, int]:
    return {b.revision: b.weight for b in world.backends if b.weight}


def lose_status(world: RolloutWorld) -> None:
    world.status = RolloutStatus()
    world.counts.clear()


def at(world: RolloutWorld, state: str, step: int) -> None:
    world.run(
        lambda w: w.status.release.state == state and w.status.release.step == step and w.candidate_weight > 0, 20 * DAY
    )


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_in_mid_step_it_is_ambiguous_and_nothing_is_written(step):
    world = adopted()
    world.candidate("new")
    at(world, "Progressing", step)
    before, count = world.backends, len(world.plans)
    lose_status(world)
    world.stay(7 * DAY)
    assert world.backends == before
    assert all(plan.actions == () for plan in world.plans[count:])
    accepted = next(c for c in world.status.conditions if c.type == "Accepted")
    assert (accepted.status, accepted.reason) == ("False", "StableUnknown")


def test_a_person_resolves_the_ambiguity_on_the_route():
    world = adopted()
    world.candidate("new")
    at(world, "Progressing", 2)
    lose_status(world)
    world.settle()
    world.shift(0)
    world.stay(7 * DAY)
    assert world.status.stable.revision == world.revision("old")
    assert shares(world) == {world.revision("old"): 100}


@pytest.mark.parametrize("name", ["before", "preparing", "rolled back", "promoted", "at 100 percent"])
def test_what_holds_all_weight_is_stable_and_no_candidate_starts_by_itself(name):
    world = adopted()
    if name != "before":
        new = world.candidate("new")
    if name == "preparing":
        world.run(lambda w: w.status.release is not None and len(w.pods) == 2, timedelta(hours=1))
    elif name == "rolled back":
        at(world, "Progressing", 2)
        world.crash("new")
        world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
        world.stay(timedelta(minutes=5))
    elif name == "promoted":
        world.run(lambda w: w.status.release.state == "Promoted", 20 * DAY)
        world.settle()
    elif name == "at 100 percent":
        at(world, "Progressing", 5)
    held = shares(world)
    lose_status(world)
    if name == "before":
        new = world.revision("old")
    world.stay(10 * DAY)
    assert shares(world) == held
    assert world.status.stable.revision == next(iter(held))
    assert world.status.release is None
    if world.status.stable.revision != new:
        assert world.status.rejected[0].reason == "StatusLost"


def test_a_candidate_of_a_lost_status_runs_after_retry_with_a_higher_number():
    world = adopted()
    world.candidate("new")
    at(world, "Progressing", 2)
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    world.stay(timedelta(minutes=5))
    lose_status(world)
    world.stay(timedelta(minutes=5))
    assert world.status.stable.release == 1, "the route still tells the last release's number"
    world.action("Retry", release=world.status.rejected[0].release)
    world.run(lambda w: w.status.release is not None, timedelta(minutes=5))
    assert world.status.release.number == 2


def test_a_revision_that_nobody_describes_is_not_guessed():
    world = adopted()
    (stable,) = world.backends
    world.set_route((replace(stable, revision="0123456789", release=4),))
    world.pods.clear()
    lose_status(world)
    world.stay(DAY)
    assert world.status.stable is None
    assert world.pods == {}


def test_the_loser_of_a_claim_leaves_everything_alone():
    world = RolloutWorld(spec(), claim=ClaimState(held=False, holder="Rollout/other"))
    world.stay(DAY)
    assert all(plan.actions == () for plan in world.plans)
    accepted = next(c for c in world.status.conditions if c.type == "Accepted")
    assert accepted.reason == "RouteClaimed"
    assert "Rollout/other" in accepted.message
    world.claim = ClaimState()
    world.run(lambda w: w.status.stable is not None, timedelta(hours=1))


def test_a_flag_is_refused_until_something_can_serve_it():
    wire = spec(flag={"key": "facts"})
    del wire["routeRef"]
    world = RolloutWorld(wire)
    world.settle()
    assert world.status.conditions[1].reason == "FlagNotSupported"
    assert not any(isinstance(a, act.PatchRoute) for p in world.plans for a in p.actions)
