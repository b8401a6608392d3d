"""stableCapacity Match: stable is small only while its share is, whatever happens to release, spec and status."""

from datetime import timedelta

from rollout_world import RolloutWorld, adopted, version

from pawl.api.rollout_status import RolloutStatus
from pawl_operator.kinds.rollout import actions as act

DAY = timedelta(days=1)
SERVE = {"image": "server:1", "replicas": 4}


def shrunk() -> RolloutWorld:
    """A release at 75 percent, with stable at a quarter of its size."""
    world = adopted(stableCapacity="Match", serve=SERVE)
    world.candidate("new")
    world.run(lambda w: w.status.release.step == 4 and w.status.release.step_started_at is not None, 10 * DAY)
    world.settle()
    assert world.pods[world.status.stable.revision].replicas == 1
    return world


def test_a_deletion_brings_stable_back_to_its_full_size() -> None:
    world = shrunk()
    old = world.status.stable.revision
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=5))
    assert world.pods[old].replicas == 4


def test_an_edit_of_the_template_in_mid_release_brings_stable_back() -> None:
    world = shrunk()
    old = world.status.stable.revision
    world.edit(serve=SERVE | {"image": "server:2"})
    world.run(lambda w: w.status.release.state == "Superseded", timedelta(minutes=5))
    assert world.pods[old].replicas == 4


def test_a_template_that_was_edited_before_a_deletion_does_not_matter() -> None:
    world = shrunk()
    old = world.status.stable.revision
    world.edit(serve=SERVE | {"image": "server:2"})
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=5))
    assert world.pods[old].replicas == 4


def test_a_stable_that_nobody_names_any_more_shrinks_and_comes_back_too() -> None:
    world = adopted(stableCapacity="Match", serve=SERVE)
    world.candidate("new")
    world.run(lambda w: w.status.release.state == "Promoted" and w.status.phase == "Healthy", 20 * DAY)
    second = world.status.stable.revision
    third = world.candidate("newer")
    world.run(lambda w: w.status.release.number == 2 and w.status.traffic.verified == 75, 10 * DAY)
    world.settle()
    assert world.pods[second].replicas == 1
    world.accuracy[third] = 0.2
    world.run(lambda w: w.status.release.state == "RollingBack", 3 * DAY)
    assert world.pods[second].replicas == 4


def test_after_a_lost_status_the_workload_still_knows_its_size() -> None:
    world = shrunk()
    old = world.status.stable.revision
    world.status = RolloutStatus()
    world.counts.clear()
    world.shift(0)
    world.edit(serve=SERVE | {"image": "server:2"}, candidate=None)
    world.stay(timedelta(minutes=5))
    assert world.status.stable.revision == old
    assert world.pods[old].replicas == 4


def test_the_size_that_was_asked_for_last_is_the_one_to_come_back_to() -> None:
    world = adopted(stableCapacity="Match", serve=SERVE)
    world.edit(serve=SERVE | {"replicas": 6})
    world.stay(timedelta(minutes=1))
    old = world.status.stable.revision
    assert (world.pods[old].replicas, world.pods[old].full) == (6, 6)


def test_whoever_runs_more_pods_of_a_forgotten_stable_is_left_alone() -> None:
    world = adopted(serve=SERVE)
    old = world.status.stable.revision
    world.edit(serve=SERVE | {"image": "server:2"})
    world.pods[old].replicas = 9
    world.stay(timedelta(minutes=5))
    assert world.pods[old].replicas == 9
    world.pods[old].replicas = 2
    world.stay(timedelta(minutes=5))
    assert world.pods[old].replicas == 4


def test_a_stable_that_is_named_by_nobody_is_still_repaired_under_the_same_template() -> None:
    world = adopted(serve=SERVE)
    old = world.status.stable.revision
    world.edit(initialStable=version("newer"))
    del world.pods[old]
    world.stay(timedelta(minutes=5))
    made = [a for p in world.plans for a in p.actions if isinstance(a, act.EnsureWorkload) and a.revision == old]
    assert made[-1].source == version("old")["source"]
    assert world.pods[old].replicas == 4
