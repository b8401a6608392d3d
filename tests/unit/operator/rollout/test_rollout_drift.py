"""Other people on the route: put back, taken as a brake, or given way to."""

from dataclasses import replace
from datetime import timedelta

from rollout_world import RolloutWorld, adopted

from pawl_operator.kinds.rollout.snapshot import RouteBackend, RouteMirror

DAY = timedelta(days=1)


def under_way(step: int = 2) -> RolloutWorld:
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.status.release.step == step and w.status.release.step_started_at is not None, 10 * DAY)
    return world


def condition(world: RolloutWorld, kind: str) -> str:
    return next(c.status for c in world.status.conditions if c.type == kind)


def test_traffic_moved_towards_the_candidate_is_put_back_within_one_pass():
    world = under_way()
    world.shift(90)
    world.reconcile()
    assert world.candidate_weight == 25
    assert world.status.traffic.restored == 1
    assert world.status.phase == "Progressing"


def test_time_with_a_wrong_weight_does_not_count():
    world = under_way()
    until = world.status.release.hold_until
    world.gateway_up = False
    world.shift(90)
    world.reconcile()
    world.advance(timedelta(hours=5))
    world.settle()
    world.gateway_up = True
    world.stay(timedelta(minutes=1))
    assert world.status.release.hold_until >= until + timedelta(hours=5)


def test_somebody_who_writes_on_and_on_is_given_way_to_until_repin():
    world = under_way()
    for _ in range(8):
        world.advance(timedelta(minutes=1))
        world.shift(60)
        world.settle()
    assert condition(world, "RouteConflict") == "True"
    assert world.candidate_weight == 60
    world.stay(2 * DAY)
    assert world.status.release.step == 2, "nothing is raised in a conflict"
    world.action("Repin", release=1)
    world.settle()
    assert world.candidate_weight == 25
    assert condition(world, "RouteConflict") == "False"


def test_harm_in_a_conflict_still_goes_back():
    world = under_way()
    world.status = world.status.model_copy(update={"traffic": world.status.traffic.model_copy(update={"restored": 5})})
    world.shift(60)
    world.settle()
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    assert world.candidate_weight == 0


def test_traffic_moved_towards_stable_is_a_brake_with_a_way_on():
    world = under_way()
    world.shift(5)
    world.settle()
    assert (world.status.phase, world.status.release.paused) == ("Paused", "Brake")
    assert "Approve" in world.status.message
    world.stay(3 * DAY)
    assert world.candidate_weight == 5
    world.action("Approve", release=1)
    resumed = world.now
    world.run(lambda w: w.candidate_weight == 25, timedelta(minutes=5))
    world.run(lambda w: w.status.release.step_started_at is not None, timedelta(minutes=5))
    assert world.status.release.step == 2
    assert world.status.release.hold_until >= resumed + DAY, "the step's hold begins anew"


def test_a_brake_to_zero_is_not_taken_for_a_rollback():
    world = under_way()
    world.shift(0)
    world.settle()
    assert world.status.release.state == "Progressing"
    assert world.status.release.paused == "Brake"
    world.action("Approve", release=1)
    world.run(lambda w: w.candidate_weight == 25, timedelta(minutes=5))


def test_a_braked_release_that_is_pushed_up_again_is_put_back_to_the_brake():
    world = under_way()
    world.shift(5)
    world.settle()
    world.shift(50)
    world.settle()
    assert world.candidate_weight == 5


def test_removed_marks_and_strange_mirrors_are_put_back():
    world = under_way()
    world.set_route(tuple(replace(b, arm=None, revision=None) for b in world.backends))
    world.settle()
    assert [b.arm for b in world.backends] == ["candidate", "stable"]
    world.mirrors = (RouteMirror("elsewhere", 100),)
    world.settle()
    assert world.mirrors == ()


def test_a_stranger_on_the_rule_is_no_drift():
    world = under_way()
    ours = world.backends
    world.set_route((*(replace(b, weight=b.weight * 3) for b in ours), RouteBackend("stranger", 100, ours=False)))
    world.settle()
    assert world.status.traffic.restored == 0


def test_the_route_without_a_release_is_repaired_too():
    world = adopted()
    (stable,) = world.backends
    world.set_route((replace(stable, arm=None),))
    world.settle()
    assert world.backends[0].arm == "stable"


def test_a_route_that_vanishes_is_reported_and_waited_for():
    world = under_way()
    world.route_exists = False
    world.settle()
    assert condition(world, "Accepted") == "False"
    assert world.plans[-1].actions == ()
    world.route_exists = True
    world.stay(timedelta(minutes=1))
    assert condition(world, "Accepted") == "True"


def test_a_brake_in_the_bake_pauses_it():
    world = under_way(5)
    world.run(lambda w: w.status.release.state == "Baking", 4 * DAY)
    world.shift(40)
    world.settle()
    assert world.status.release.paused == "Brake"
    world.stay(3 * DAY)
    assert world.status.release.state == "Baking"
    world.action("Approve", release=1)
    world.run(lambda w: w.candidate_weight == 100, timedelta(minutes=5))
    world.run(lambda w: w.status.release.state == "Promoted", 3 * DAY)
