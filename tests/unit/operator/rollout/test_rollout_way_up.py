"""A harmless candidate: step by step, on evidence, to stable; the old one leaves after the bake."""

from datetime import timedelta
from itertools import pairwise

from rollout_world import START, RolloutWorld, adopted, spec

from pawl_operator.kinds.rollout import actions as act

DAY = timedelta(days=1)


def promoted(world: RolloutWorld) -> bool:
    release = world.status.release
    return release is not None and release.state == "Promoted" and world.status.phase == "Healthy"


def at_step(number: int):
    def reached(world: RolloutWorld) -> bool:
        release = world.status.release
        return release is not None and release.step == number and release.step_started_at is not None

    return reached


def test_initial_stable_is_created_awaited_and_given_all_traffic():
    world = RolloutWorld()
    world.settle()
    assert world.status.phase == "Pending"
    assert [b.service for b in world.backends] == ["placeholder"], "traffic moved before stable was ready"
    world.run(lambda w: w.status.stable is not None, timedelta(minutes=5))
    assert [(b.arm, b.weight, b.revision) for b in world.backends] == [("stable", 100, world.revision("old"))]
    assert world.status.stable.release == 0


def test_five_days_of_a_harmless_release():
    world = adopted()
    new, old = world.candidate("new"), world.revision("old")
    world.run(promoted)
    world.settle()
    raised = [(at, weight) for at, weight in world.weights if weight]
    assert [weight for _, weight in raised] == [10, 25, 50, 75, 100]
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(raised)]
    assert all(DAY <= gap < DAY + timedelta(minutes=5) for gap in gaps)
    assert world.now - START > 6 * DAY, "five holds and the bake"
    assert world.status.stable.revision == new
    assert world.status.stable.release == 1
    world.stay(timedelta(minutes=5))
    assert list(world.pods) == [new]
    assert old not in {b.revision for b in world.backends}
    assert [entry.outcome for entry in world.status.history] == ["Promoted"]
    assert not world.finalizers


def test_intent_is_written_before_the_route_is_patched():
    world = adopted()
    world.candidate("new")
    world.run(at_step(1), timedelta(hours=1))
    for plan in world.plans:
        patches = [a for a in plan.actions if isinstance(a, act.PatchRoute) and a.candidate is not None]
        release = plan.status.release
        for patch in patches:
            assert (patch.weight, patch.step) == (plan.status.traffic.desired, release.step)
    first = next(i for i, p in enumerate(world.plans) if p.status.traffic.desired == 10)
    assert not any(isinstance(a, act.PatchRoute) for a in world.plans[first].actions)


def test_the_hold_begins_when_the_gateway_confirms_the_weight():
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    world.gateway_up = False
    world.advance(2 * DAY)
    world.settle()
    assert world.status.release.step_started_at is None
    assert world.status.traffic.verified == 0
    world.gateway_up = True
    world.run(at_step(1), timedelta(hours=1))
    assert world.status.release.hold_until == world.status.release.step_started_at + DAY


def test_without_users_nothing_is_raised():
    world = adopted()
    world.candidate("new")
    world.users_per_hour = 0
    world.stay(3 * DAY)
    assert world.status.verdict == "NoData"
    assert world.candidate_weight == 10


def test_non_inferiority_is_asked_for_on_the_last_step_with_two_arms():
    world = adopted(steps=[{"setWeight": 50, "hold": "1h"}, {"setWeight": 100, "hold": "1h"}])
    world.candidate("new")
    world.users_per_hour = 60
    world.run(lambda w: w.status.verdict == "Inconclusive", timedelta(hours=5))
    assert world.status.evidence[0].eta is not None
    assert world.status.release.plan.steps[0].require == "NonInferior"
    world.run(promoted)
    assert world.now - START > DAY + timedelta(hours=6), "a day of bake, and evidence that took longer than the hold"


def test_pairs_decide_with_far_fewer_people():
    changes = {"steps": [{"setWeight": 10, "hold": "1h"}, {"setWeight": 100, "hold": "1h"}]}
    analysis = spec()["analysis"] | {"pairing": {"mode": "Mirror", "percent": 100}}
    world = adopted(**changes, analysis=analysis)
    world.candidate("new")
    world.users_per_hour = 40
    world.run(at_step(2), timedelta(days=3))
    assert {m.percent for m in world.mirrors} == {100}
    assert len(world.mirrors) == 2
    assert world.status.evidence[0].users >= 30


def test_a_pause_waits_for_approval_of_this_release():
    world = adopted(steps=[{"setWeight": 10, "hold": "1h", "pause": True}, {"setWeight": 100, "hold": "1h"}])
    world.candidate("new")
    world.users_per_hour = 3000
    world.run(lambda w: w.status.release is not None and w.status.release.paused == "Gate", timedelta(days=1))
    assert world.status.phase == "Paused"
    world.action("Approve", release=7)
    world.stay(timedelta(hours=2))
    assert world.candidate_weight == 10, "another release's approval must not count"
    world.action("Approve", release=1)
    world.run(lambda w: w.candidate_weight == 100, timedelta(hours=1))


def test_a_gate_is_still_judged():
    world = adopted(steps=[{"setWeight": 50, "hold": "1h", "pause": True}, {"setWeight": 100, "hold": "1h"}])
    new = world.candidate("new")
    world.users_per_hour = 3000
    world.run(lambda w: w.status.release is not None and w.status.release.paused == "Gate", timedelta(days=1))
    world.accuracy[new] = 0.5
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(days=1))


def test_promote_skips_holds_but_not_the_judge():
    world = adopted()
    world.candidate("new")
    world.users_per_hour = 0
    world.run(at_step(1), timedelta(hours=1))
    world.action("Promote", release=1)
    world.run(lambda w: w.status.release.state == "Baking", timedelta(hours=1))
    assert [weight for _, weight in world.weights if weight] == [10, 100]
    world.edit(action=None)
    world.settle()
    world.action("Promote", release=1)
    world.run(promoted, timedelta(hours=1))


def test_suspend_stops_raising_and_not_rolling_back():
    world = adopted()
    new = world.candidate("new")
    world.run(at_step(1), timedelta(hours=1))
    world.edit(suspend=True)
    world.stay(3 * DAY)
    assert (world.candidate_weight, world.status.phase) == (10, "Paused")
    world.accuracy[new] = 0.3
    world.run(lambda w: w.status.release.state == "RolledBack", 3 * DAY)


def test_steps_are_raised_inside_their_windows_only():
    world = adopted(stepWindows=[{"cron": "0 9 * * 1-5", "timeZone": "Europe/Berlin", "duration": "4h"}])
    world.candidate("new")
    world.run(promoted, timedelta(days=30))
    for at, weight in world.weights:
        if weight:
            assert 8 <= at.hour < 12
            assert at.weekday() < 5


def test_an_unreadable_window_refuses_the_candidate_and_names_the_field():
    world = adopted(stepWindows=[{"cron": "0 25 * * *", "duration": "1h"}])
    world.candidate("new")
    world.settle()
    accepted = next(c for c in world.status.conditions if c.type == "Accepted")
    assert (accepted.status, accepted.reason) == ("False", "InvalidSpec")
    assert "25" in accepted.message


def test_users_are_pinned_before_the_first_of_them_is_moved():
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    assert world.policy
    assert world.status.traffic.mode == "HashedBucket"


def test_without_hashing_in_the_gateway_requests_are_split():
    world = RolloutWorld(capabilities=frozenset())
    world.run(lambda w: w.status.stable is not None, timedelta(hours=1))
    world.candidate("new")
    world.run(at_step(1), timedelta(hours=1))
    assert world.status.traffic.mode == "RequestWeights"
    assert not world.policy


def test_stable_share_keeps_an_arm_for_comparison():
    world = adopted(bake={"duration": "2h", "stableShare": 5}, steps=[{"setWeight": 100, "hold": "1h"}])
    world.candidate("new")
    world.users_per_hour = 20000
    world.run(lambda w: w.status.release is not None and w.status.release.state == "Baking", timedelta(days=2))
    assert world.candidate_weight == 95
    world.run(promoted, timedelta(days=2))
    world.settle()
    assert [b.arm for b in world.backends] == ["stable"]


def test_stable_shrinks_with_its_share_where_asked_and_is_back_before_it_is_needed():
    world = adopted(stableCapacity="Match", serve={"image": "server:1", "replicas": 4})
    new, old = world.candidate("new"), world.revision("old")
    world.run(at_step(4), timedelta(days=10))
    world.settle()
    assert world.pods[old].replicas == 1
    world.accuracy[new] = 0.2
    world.run(lambda w: w.status.release.state == "RollingBack", timedelta(days=3))
    assert world.pods[old].replicas == 4


def test_services_of_others_are_routed_but_never_made():
    from rollout_world import version

    from pawl_operator.kinds.rollout.versions import candidate_of, resolve

    wire = spec(services={"stable": "blue", "candidate": "green"}, candidate=version("new"))
    del wire["serve"]
    world = RolloutWorld(wire)
    for found in (resolve(world.rollout.spec, world.rollout.spec.initial_stable), candidate_of(world.rollout.spec)):
        world.pods[found.revision] = _foreign_pods(world, found.revision)
    world.users_per_hour = 3000
    world.run(promoted)
    world.settle()
    assert [b.service for b in world.backends] == ["green"]
    made = [a for p in world.plans for a in p.actions if isinstance(a, act.EnsureWorkload | act.DeleteWorkload)]
    assert made == []


def _foreign_pods(world: RolloutWorld, revision: str):
    from rollout_world import Pods

    from pawl.api.serving import ServeSpec

    ensured = act.EnsureWorkload(revision, "", "", ServeSpec(image="x"), 1, 0)
    return Pods(ensured, 1, world.now)


def test_a_component_gives_margin_and_direction_and_unknown_metrics_are_refused():
    metrics = [{"name": "tone", "role": "Primary"}]
    world = adopted(analysis=spec()["analysis"] | {"metrics": metrics})
    world.candidate("new")
    world.settle()
    accepted = next(c for c in world.status.conditions if c.type == "Accepted")
    assert accepted.reason == "InvalidSpec"
    assert "tone" in accepted.message


def test_nothing_is_raised_while_a_pod_of_the_candidate_is_missing():
    world = adopted()
    new = world.candidate("new")
    world.run(at_step(1), timedelta(hours=1))
    world.stay(timedelta(hours=23))
    world.pods[new].lacking = 1
    world.stay(timedelta(hours=2))
    assert world.candidate_weight == 10
    assert "not every pod" in world.status.message
    world.pods[new].lacking = 0
    world.run(at_step(2), timedelta(hours=2))


def test_pairs_that_nobody_makes_yet_are_refused_with_the_remedy() -> None:
    world = RolloutWorld(spec(analysis={"pairing": {"mode": "Replay"}}))
    world.run(lambda w: w.status.stable is not None, timedelta(hours=1))
    world.candidate("new")
    world.stay(timedelta(minutes=5))
    accepted = next(one for one in world.status.conditions if one.type == "Accepted")
    assert (accepted.status, accepted.reason) == ("False", "InvalidSpec")
    assert "analysis.pairing.mode" in accepted.message
    assert "Mirror" in accepted.message
    assert world.status.release is None
