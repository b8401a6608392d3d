"""The phase is what a person acts on: Healthy only where nothing is on its way and all is well."""

from datetime import timedelta
from itertools import groupby

import pytest
from rollout_world import RolloutWorld, adopted

DAY = timedelta(days=1)


def phases(world: RolloutWorld) -> list[str]:
    return [phase for phase, _ in groupby(plan.status.phase for plan in world.plans)]


def reason(world: RolloutWorld) -> str:
    return next(c.reason for c in world.status.conditions if c.type == "Progressing")


@pytest.mark.parametrize("how", ["crash", "abort"])
def test_after_a_rollback_there_is_no_healthy_in_between(how: str) -> None:
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    world.plans.clear()
    if how == "crash":
        world.crash("new")
    else:
        world.action("Abort", release=1)
    world.run(lambda w: w.status.phase == "Degraded", timedelta(minutes=5))
    world.stay(timedelta(minutes=5))
    assert phases(world) == ["RollingBack", "Degraded"]


def test_after_a_promotion_it_is_healthy_and_stays_so_while_the_old_arm_leaves() -> None:
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.status.release is not None and w.status.release.state == "Baking", 20 * DAY)
    world.plans.clear()
    world.stay(2 * DAY)
    assert phases(world) == ["Baking", "Healthy"]
    assert [b.arm for b in world.backends] == ["stable"]


def test_a_stable_without_a_ready_pod_is_degraded_and_says_so() -> None:
    world = adopted()
    pods = world.pods[world.revision("old")]
    pods.not_ready_since = world.now
    world.stay(timedelta(hours=1))
    assert (world.status.phase, reason(world)) == ("Degraded", "StableNotReady")
    assert "no pod" in world.status.message
    pods.not_ready_since = None
    world.stay(timedelta(minutes=1))
    assert (world.status.phase, reason(world)) == ("Healthy", "Stable")


def test_a_route_that_the_gateway_does_not_confirm_is_said_at_once_and_degraded_after_half_a_minute() -> None:
    world = adopted()
    world.gateway_up = False
    world.set_route(world.backends)
    world.settle()
    assert (world.status.phase, reason(world)) == ("Healthy", "NotProgrammed")
    assert "has not confirmed" in world.status.message
    world.stay(timedelta(minutes=1))
    assert (world.status.phase, reason(world)) == ("Degraded", "NotProgrammed")
    world.gateway_up = True
    world.stay(timedelta(minutes=1))
    assert (world.status.phase, reason(world)) == ("Healthy", "Stable")


def test_what_ails_stable_is_said_beside_a_candidate_that_waits_or_is_refused() -> None:
    world = adopted()
    world.candidate("new")
    world.edit(suspend=True)
    world.pods[world.revision("old")].not_ready_since = world.now
    world.stay(timedelta(minutes=1))
    assert world.status.phase == "Degraded"
    assert "suspended" in world.status.message
    assert "no pod of stable" in world.status.message
