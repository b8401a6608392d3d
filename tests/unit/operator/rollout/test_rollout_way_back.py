"""Everything that takes a release back to stable, and what is remembered of it."""

from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted, spec

from pawl_operator.kinds.rollout import actions as act

DAY = timedelta(days=1)


def under_way(step: int = 3, **changes) -> tuple[RolloutWorld, str]:
    world = adopted(**changes)
    new = world.candidate("new")
    world.run(lambda w: w.status.release.step == step and w.status.release.step_started_at is not None, 10 * DAY)
    return world, new


def ended(world: RolloutWorld) -> bool:
    return world.status.release.state in ("RolledBack", "Aborted", "Superseded")


def rollback_plan(world: RolloutWorld) -> act.Plan:
    return next(p for p in world.plans if p.status.release is not None and p.status.release.state == "RollingBack")


def test_proven_harm_goes_back_at_once_and_is_remembered():
    world, new = under_way()
    world.accuracy[new] = 0.4
    world.run(ended, DAY)
    status = world.status
    assert (status.release.state, status.release.cause) == ("RolledBack", "HarmProven")
    assert "beyond the margin 0.05: rolling back" in status.rollback.message
    assert status.rollback.t0 <= status.rollback.t1 <= status.rollback.t2
    assert status.rollback.t2 - status.rollback.t1 <= timedelta(seconds=5)
    assert [(r.revision, r.reason) for r in status.rejected] == [(new, "HarmProven")]
    assert [h.outcome for h in status.history] == ["RolledBack"]
    world.stay(timedelta(minutes=30))
    assert world.candidate_weight == 0
    assert [b.arm for b in world.backends] == ["stable"]
    assert list(world.pods) == [world.revision("old")]
    assert world.status.phase == "Degraded"
    assert "Retry" in world.status.message


def test_the_route_comes_first_in_the_plan_and_keeps_both_arms_in_order():
    world, new = under_way()
    world.accuracy[new] = 0.4
    world.run(ended, DAY)
    first = rollback_plan(world).actions[0]
    assert isinstance(first, act.PatchRoute)
    assert (first.weight, first.step, first.candidate.revision) == (0, 0, new)


def test_a_rollback_is_not_finished_before_the_gateway_says_so():
    world, new = under_way()
    world.accuracy[new] = 0.4
    world.gateway_up = False
    world.run(lambda w: w.status.release.state == "RollingBack", DAY)
    world.stay(timedelta(hours=2))
    assert world.status.release.state == "RollingBack"
    assert world.status.rollback.t2 is None
    world.gateway_up = True
    world.run(ended, timedelta(minutes=1))
    assert world.status.rollback.t2 == world.now


def test_people_and_requests_that_met_the_candidate_are_told():
    world, _ = under_way(1)
    world.crash("new")
    world.run(ended, timedelta(minutes=1))
    (told,) = [note for note in world.events if note.reason == "RolledBack"]
    assert "12 people and 34 requests met the candidate" in told.message


def test_a_rollback_whose_reason_has_gone_when_the_operator_returns_is_finished_all_the_same():
    world, new = under_way()
    world.pods[new].not_ready_since = world.now - timedelta(minutes=1)
    world.reconcile(stop_after=1)
    assert world.candidate_weight == 0, "the route went back, the status was never written"
    assert world.status.release.state == "Progressing"
    world.pods[new].not_ready_since = None
    world.run(ended, timedelta(minutes=5))
    assert world.status.release.cause == "RollbackResumed"
    assert world.status.stable.revision == world.revision("old")


@pytest.mark.parametrize("step", [1, 4, 5])
def test_a_crash_loop_goes_back_within_one_pass(step):
    world, _ = under_way(step)
    world.crash("new")
    crashed = world.now
    world.run(ended, timedelta(minutes=1))
    assert world.status.release.cause == "CrashLoop"
    assert world.status.rollback.t0 == crashed
    assert world.status.rollback.t2 - crashed <= timedelta(seconds=10)


def test_lost_readiness_goes_back_after_its_time_and_not_before():
    world, new = under_way()
    lost = world.now
    world.pods[new].not_ready_since = lost
    world.advance(timedelta(seconds=9))
    world.settle()
    assert world.status.release.state == "Progressing"
    world.run(ended, timedelta(minutes=2))
    assert world.status.release.cause == "NotReady"
    assert world.status.rollback.t0 == lost


def test_failing_requests_go_back_without_waiting_for_statistics():
    world, new = under_way()
    world.error_rate[new] = 0.2
    for _ in range(40):
        world.advance(timedelta(seconds=2))
        world.settle()
    assert world.status.release.cause == "ErrorRate"
    assert "above the limit 5%" in world.status.rollback.message


def test_a_candidate_that_never_becomes_ready_is_given_up_and_never_gets_traffic():
    world = adopted()
    world.never_ready.add(world.revision("new"))
    world.candidate("new")
    world.run(ended, DAY)
    assert world.status.release.cause == "NotReady"
    assert {weight for _, weight in world.weights} == {0}
    assert timedelta(minutes=10) <= world.now - world.status.release.started_at < timedelta(minutes=12)


def test_harm_that_shows_in_the_bake_brings_the_old_stable_back():
    world, new = under_way(5)
    world.run(lambda w: w.status.release.state == "Baking", 3 * DAY)
    assert world.status.stable.revision == new
    world.crash("new")
    world.run(ended, timedelta(minutes=1))
    assert world.status.stable.revision == world.revision("old")
    world.stay(timedelta(minutes=5))
    assert [b.revision for b in world.backends] == [world.revision("old")]


@pytest.mark.parametrize("phase", ["Preparing", "Progressing", "Baking"])
def test_abort_works_in_every_state_and_stays(phase):
    world = adopted()
    new = world.candidate("new")
    world.run(lambda w: w.status.release is not None and w.status.release.state == phase, 10 * DAY)
    world.action("Abort", release=1)
    world.run(ended, timedelta(minutes=5))
    assert world.status.release.state == "Aborted"
    world.edit(steps=[{"setWeight": 100, "hold": "1h"}])
    world.stay(2 * DAY)
    assert world.status.release.number == 1, "an edit must not revive an aborted release"
    assert world.status.stable.revision == world.revision("old")
    assert world.status.rejected[-1].revision == new


def test_an_abort_of_another_release_is_ignored():
    world, _ = under_way(1)
    world.action("Abort", release=9)
    world.settle()
    assert world.status.release.state == "Progressing"
    assert world.status.last_action.result == "OtherRelease"


def test_retry_releases_a_rejected_revision_again_once():
    world, _ = under_way(1)
    world.crash("new")
    world.run(ended, timedelta(minutes=1))
    world.stay(timedelta(hours=1))
    world.action("Retry", release=1)
    world.run(lambda w: w.status.release.number == 2, timedelta(hours=1))
    assert not world.status.rejected
    world.run(lambda w: w.status.release.step == 1 and w.status.release.step_started_at is not None, timedelta(hours=1))
    world.crash("new")
    world.run(ended, timedelta(minutes=1))
    world.stay(timedelta(hours=1))
    assert world.status.release.number == 2, "the same Retry must not count for another release"


def test_a_newer_candidate_waits_until_traffic_is_back_at_stable():
    world, new = under_way(2)
    newer = world.candidate("newer")
    world.run(lambda w: w.status.release.number == 2, timedelta(hours=1))
    assert [h.outcome for h in world.status.history] == ["Superseded"]
    assert not world.status.rejected
    world.run(lambda w: w.candidate_weight > 0, timedelta(hours=1))
    assert {b.revision for b in world.backends} == {newer, world.revision("old")}
    patches = [a for plan in world.plans for a in plan.actions if isinstance(a, act.PatchRoute)][-3:]
    wanted = [(new, 0), (None, 0), (newer, 10)]
    assert [(p.candidate.revision if p.candidate else None, p.weight) for p in patches] == wanted
    assert new not in world.pods


def test_a_newer_candidate_waits_for_the_bake():
    world, new = under_way(5)
    world.run(lambda w: w.status.release.state == "Baking", 3 * DAY)
    world.candidate("newer")
    world.settle()
    assert "waits for the bake" in world.status.message
    world.run(lambda w: w.status.release.number == 2, 3 * DAY)
    assert world.status.release.previous.revision == new


def test_a_withdrawn_candidate_goes_back_and_may_come_again():
    world, new = under_way(2)
    world.edit(candidate=None)
    world.run(ended, timedelta(hours=1))
    world.stay(timedelta(hours=1))
    assert (world.status.phase, world.candidate_weight) == ("Healthy", 0)
    assert world.candidate("new") == new
    world.run(lambda w: w.status.release.number == 2, timedelta(hours=1))


@pytest.mark.parametrize(("on_stall", "state"), [("Rollback", "RolledBack"), ("Hold", "Progressing")])
def test_a_stalled_step_does_what_was_declared(on_stall, state):
    steps = [{"setWeight": 50, "hold": "1h", "maxDuration": "6h"}, {"setWeight": 100, "maxDuration": "48h"}]
    world = adopted(steps=steps, analysis=spec()["analysis"] | {"onStall": on_stall})
    world.candidate("new")
    world.users_per_hour = 0
    world.stay(8 * timedelta(hours=1))
    assert world.status.release.state == state
    assert world.candidate_weight == (0 if state == "RolledBack" else 50)


def test_an_underpowered_step_says_so_and_names_the_remedy():
    steps = [{"setWeight": 50, "hold": "1h", "maxDuration": "9h"}, {"setWeight": 100}]
    world = adopted(steps=steps)
    world.candidate("new")
    world.users_per_hour = 30
    world.run(lambda w: w.status.verdict == "Inconclusive", DAY)
    condition = next(c for c in world.status.conditions if c.type == "Underpowered")
    assert condition.status == "True"
    assert "pairing" in condition.message


def test_no_more_than_twenty_rejections_and_endings_are_kept():
    world = adopted()
    for number in range(1, 25):
        world.edit(candidate={"source": f"models:/facts/{number}", "digest": "sha256:" + f"{number:064x}"})
        world.run(lambda w, n=number: w.status.release is not None and w.status.release.number == n, timedelta(hours=2))
        world.action("Abort", release=number)
        world.run(lambda w, n=number: w.status.release.number == n and ended(w), timedelta(hours=2))
    assert len(world.status.rejected) == len(world.status.history) == 20
    assert world.status.history[-1].release == 24
