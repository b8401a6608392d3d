"""A Service of an arm that somebody deleted: nobody watches Services, the gateway's complaint is what tells."""

from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted

from pawl_operator.kinds.rollout import actions as act

DAY = timedelta(days=1)


def under_way() -> RolloutWorld:
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.status.release.step == 2 and w.status.release.step_started_at is not None, 10 * DAY)
    return world


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_deleted_service_is_made_again_in_mid_step(name: str) -> None:
    world = under_way()
    world.pods[world.revision(name)].service = False
    world.stay(timedelta(minutes=1))
    assert world.pods[world.revision(name)].service
    assert world.status.release.clock_stopped_at is None
    assert world.candidate_weight == 25


def test_a_deleted_service_of_stable_is_made_again_when_nothing_is_on_its_way() -> None:
    world = adopted()
    world.pods[world.revision("old")].service = False
    world.stay(timedelta(minutes=1))
    assert world.pods[world.revision("old")].service
    assert world.status.phase == "Healthy"


def test_a_stable_that_follows_its_share_is_repaired_at_its_size() -> None:
    world = adopted(stableCapacity="Match", serve={"image": "server:1", "replicas": 4})
    world.candidate("new")
    world.run(lambda w: w.status.traffic.verified == 75, 10 * DAY)
    world.settle()
    old = world.revision("old")
    world.pods[old].service = False
    world.plans.clear()
    world.stay(timedelta(minutes=1))
    assert world.pods[old].service
    assert (world.pods[old].replicas, world.pods[old].full) == (1, 4)
    assert not any(isinstance(a, act.ScaleWorkload) for p in world.plans for a in p.actions)


def test_a_rollback_does_not_wait_for_a_service_of_the_candidate_that_nobody_can_make() -> None:
    world = under_way()
    new = world.revision("new")
    world.pods[new].service = False
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    assert world.status.rollback.t2 is not None
    assert [b.revision for b in world.backends] == [world.revision("old")]
    patches = [a for plan in world.plans for a in plan.actions if isinstance(a, act.PatchRoute)][-2:]
    assert [p.candidate is None for p in patches] == [False, True], "both arms at stable first, then stable alone"


def test_stable_is_repaired_during_a_rollback_too() -> None:
    world = under_way()
    world.crash("new")
    world.reconcile()
    assert world.status.release.state == "RollingBack"
    world.pods[world.revision("old")].service = False
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))
    assert world.pods[world.revision("old")].service


def test_a_gateway_that_has_not_answered_yet_is_no_reason_to_apply_anything() -> None:
    world = under_way()
    world.pods[world.revision("old")].service = False
    world.gateway_up = False
    world.set_route(world.backends)
    world.plans.clear()
    world.stay(timedelta(minutes=1))
    assert not any(isinstance(a, act.EnsureWorkload) for p in world.plans for a in p.actions)
