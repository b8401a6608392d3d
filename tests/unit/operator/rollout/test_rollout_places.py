"""The two places of our rule: 100 percent reads 100 : 0, and nobody is ever sent to a place that is still cold."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted

from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.route_target import SETTLING

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


@pytest.mark.parametrize("places", [(100,), (100, 0), (0, 100)], ids=["one place", "second cold", "first cold"])
def test_a_hand_on_the_route_at_rest_is_put_right_before_the_next_candidate_gets_anything(places):
    world = adopted()
    world.cold_starts.clear()
    old, (stable,) = world.revision("old"), world.backends
    world.set_route((stable,), places)
    touched = world.now
    world.candidate("new")
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    assert world.now - touched >= SETTLING
    assert services(world) == [world.revision("new"), old]
    # Where a person has left the first place alone with all traffic, the second is made before it is used.
    assert world.cold_starts == []


def test_a_hand_on_the_route_while_a_candidate_gets_ready_is_put_right_too():
    world = adopted()
    world.cold_starts.clear()
    world.ready_after = timedelta(minutes=1)
    world.candidate("new")
    world.settle()
    world.advance(timedelta(seconds=30))
    world.settle()
    assert world.status.release.state == "Preparing"
    (stable,) = world.backends
    world.set_route((stable,), (100, 0))
    touched = world.now
    world.settle()
    assert condition(world, "TrafficVerified") == "False"
    world.run(lambda w: w.candidate_weight == 10, timedelta(minutes=1))
    assert world.now - touched >= SETTLING
    assert world.cold_starts == []


def test_harm_after_the_idle_backend_was_taken_off_the_route_still_goes_back_by_the_warm_place():
    world = at_the_end()
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    # Somebody takes it off again and again; in the end the operator gives way.
    for _ in range(7):
        world.set_route((world.backends[0],), (100,))
        world.settle()
        world.advance(timedelta(seconds=1))
    assert condition(world, "RouteConflict") == "True"
    world.cold_starts.clear()
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    assert world.cold_starts == []


def test_a_way_of_writing_that_somebody_undid_is_not_used_before_it_is_warm():
    """From 100 : 0 the route is written again, and harm shows a moment later."""
    world = at_the_end()
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    world.set_route(tuple(replace(entry, arm=None) for entry in world.backends), world.places)
    world.settle()
    assert world.places == (100, 0)
    world.advance(timedelta(seconds=2))
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    assert world.cold_starts == []


def test_a_brake_to_0_by_hand_keeps_the_candidates_place_warm():
    world = adopted()
    world.cold_starts.clear()
    world.candidate("new")
    world.run(lambda w: w.status.release.step == 2 and w.status.release.step_started_at is not None, 10 * DAY)
    world.shift(0)
    world.stay(timedelta(seconds=5))
    assert world.status.release.paused == "Brake"
    assert world.places == (KEPT, ALL)
    assert world.status.traffic.restored == 0, "a way of writing is no conflict"
    world.stay(timedelta(minutes=1))
    world.action("Approve", release=1)
    world.run(lambda w: w.candidate_weight == 25, timedelta(minutes=5))
    assert world.cold_starts == []


def test_a_candidate_that_had_everything_keeps_its_pods_until_its_going_is_certain():
    world = at_the_end()
    world.run(lambda w: w.places == (100, 0), timedelta(minutes=1))
    new = world.revision("new")
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    ended = world.now
    world.run(lambda w: new not in w.pods, timedelta(minutes=1))
    assert world.now - ended >= SETTLING


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
