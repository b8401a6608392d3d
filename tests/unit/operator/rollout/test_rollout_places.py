"""The two places of our rule: 100 percent reads 100 : 0, and nobody is ever sent to a place that is still cold."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted

from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.route_target import SETTLING
from pawl_operator.kinds.rollout.snapshot import RouteBackend

DAY = timedelta(days=1)
ALL, KEPT = 999_999, 1


def at_the_end(state: str = "Progressing") -> RolloutWorld:
    """Step 5 of 5 (100 percent), seen at the gateway a moment ago; or the bake after it."""
    world = adopted()
    world.cold_starts.clear()
    world.candidate("new")
    world.run(lambda w: w.status.release.step == 5 and w.status.release.step_started_at is not None, 10 * DAY)
    world.run(lambda w: w.status.release.state == state, 4 * DAY)
    return world


def patches(world: RolloutWorld) -> list[act.PatchRoute]:
    return [action for plan in world.plans for action in plan.actions if isinstance(action, act.PatchRoute)]


def services(world: RolloutWorld) -> list[str]:
    return [entry.revision for entry in world.backends]


def condition(world: RolloutWorld, kind: str) -> str:
    return next(c.status for c in world.status.conditions if c.type == kind)


def test_all_traffic_reads_100_and_0_once_the_gateway_has_surely_moved_it():
    world = at_the_end()
    began = world.now
    assert world.places == (ALL, KEPT)
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    assert world.now - began >= SETTLING
    assert world.candidate_weight == 100
    world.stay(timedelta(hours=1))
    assert world.places == (100, 0)
    assert condition(world, "TrafficVerified") == "True"


def test_that_takes_nothing_from_the_hold_but_the_moment_of_the_change():
    world = at_the_end()
    until = world.status.release.hold_until
    world.stay(timedelta(hours=1))
    assert until <= world.status.release.hold_until <= until + timedelta(seconds=5)


@pytest.mark.parametrize("state", ["Progressing", "Baking"])
def test_the_way_back_from_100_is_one_change_to_the_place_that_is_warm(state):
    world = at_the_end(state)
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    old, before = world.revision("old"), len(patches(world))
    world.crash("new")
    world.reconcile()
    assert (services(world), world.places) == ([old], (ALL, KEPT))
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    assert len(patches(world)) == before + 1
    assert world.status.stable.revision == old
    assert world.cold_starts == []


def test_a_rollback_that_was_cut_off_before_its_status_goes_on():
    world = at_the_end()
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    world.crash("new")
    world.reconcile(stop_after=1)
    assert world.status.release.state == "Progressing"
    world.pods[world.revision("new")].restarts = 0
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    assert services(world) == [world.revision("old")]


def test_stable_moves_to_the_second_place_only_when_that_is_warm_and_the_next_candidate_waits_for_it():
    world = at_the_end()
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    ended = world.now
    world.candidate("newer")
    world.settle()
    assert world.status.release.number == 1
    world.run(lambda w: w.places == (KEPT, ALL), timedelta(minutes=1))
    assert world.now - ended >= SETTLING
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    assert world.cold_starts == []


def test_a_promoted_version_keeps_the_first_place_until_the_second_is_warm():
    world = at_the_end("Baking")
    world.run(lambda w: w.status.release.state == "Promoted" and w.places == (ALL, KEPT), 3 * DAY)
    assert services(world) == [world.revision("new")]
    world.run(lambda w: w.places == (KEPT, ALL), timedelta(minutes=1))
    world.stay(timedelta(minutes=1))
    assert world.places == (KEPT, ALL)
    assert world.cold_starts == []
    assert list(world.pods) == [world.revision("new")]


def test_a_stable_share_in_the_bake_leaves_both_places_warm():
    world = adopted(bake={"duration": "24h", "stableShare": 5})
    world.candidate("new")
    world.run(lambda w: w.status.release.state == "Baking", 10 * DAY)
    world.stay(timedelta(hours=1))
    assert world.places == (95, 5)


def test_a_brake_at_100_and_the_way_on_read_100_and_0_again():
    world = at_the_end("Baking")
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    world.shift(40)
    world.settle()
    world.action("Approve", release=1)
    world.run(lambda w: w.places == (ALL, KEPT), timedelta(minutes=1))
    approved = world.now
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    assert world.now - approved >= SETTLING


def test_a_deletion_at_100_goes_back_in_one_change():
    world = at_the_end()
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    before = len(patches(world))
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=1))
    assert (services(world), world.places) == ([world.revision("old")], (ALL, KEPT))
    assert len(patches(world)) == before + 1
    assert world.cold_starts == []


def test_where_a_place_cannot_be_kept_warm_stable_takes_the_second_all_the_same():
    """Strangers may have so much of the rule that one part is not negligible."""
    world = adopted()
    (stable,) = world.backends
    stranger = RouteBackend("legacy", 1_000_000, ours=False)
    world.set_route((replace(stable, weight=9), stranger), (9, 0))
    assert world.route.cold
    assert world.route.leads
    world.stay(timedelta(minutes=1))
    assert not world.route.leads


def test_the_first_step_after_an_adoption_waits_until_the_candidates_place_is_warm():
    world = RolloutWorld(ready_after=timedelta(0))
    world.run(lambda w: w.status.stable is not None, timedelta(minutes=5))
    adopted_at = world.now
    world.cold_starts.clear()
    world.candidate("new")
    world.run(lambda w: "settled" in w.status.message, timedelta(seconds=4))
    world.run(lambda w: w.candidate_weight == 10, timedelta(minutes=1))
    assert world.now - adopted_at >= SETTLING
    assert world.cold_starts == []
