"""An Experiment has the traffic: how users get their arms, and how they all come back, whatever happens meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_world import START, RolloutWorld, adopted, version

from pawl.api.serving import ModelVersion
from pawl.assignment import fine_bucket
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.snapshot import ASSIGNER, HASHED_BUCKET, TrialRequest

BOTH = frozenset({HASHED_BUCKET, ASSIGNER})
UID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def request(name: str = "better", uid: str = UID, **changes: object) -> TrialRequest:
    made = TrialRequest(name, uid, START, "treatment", "control", ModelVersion.model_validate(version("new")), 50)
    return replace(made, **changes)


def asked(*requests: TrialRequest, **changes: object) -> RolloutWorld:
    world = adopted(**changes)
    world.capabilities = BOTH
    world.trials = requests or (request(),)
    return world


def running(*requests: TrialRequest, **changes: object) -> RolloutWorld:
    world = asked(*requests, **changes)
    world.run(lambda w: w.status.trial is not None and w.status.trial.state == "Running", timedelta(hours=1))
    return world


def reasons(world: RolloutWorld) -> list[str]:
    return [note.reason for note in world.events]


def at_home(world: RolloutWorld) -> bool:
    return world.status.trial is None and not world.variants and world.assigner_policy is None


def test_the_traffic_comes_in_the_order_rules_assignment_policy_clock() -> None:
    world = asked()
    seen = []
    world.run(lambda w: seen.append(_stage(w)) or _stage(w) == (2, True, True, "Running"), timedelta(hours=1))
    order = list(dict.fromkeys(seen))
    assert order == [
        (0, False, False, "Preparing"),
        (2, False, False, "Placing"),
        (2, True, True, "Running"),
    ]
    assert {"TrialStarted", "TrialRunning"} <= set(reasons(world))


def _stage(world: RolloutWorld) -> tuple[int, bool, bool, str]:
    trial = world.status.trial
    assigned = world.status.traffic.assignment is not None
    state = trial.state if trial is not None else ""
    return len(world.variants), assigned, world.assigner_policy is not None, state


def test_nobody_is_assigned_before_the_gateway_has_had_time_to_warm_the_rules() -> None:
    world = asked()
    world.run(lambda w: len(w.variants) == 2, timedelta(hours=1))
    placed = world.now
    world.run(lambda w: w.status.traffic.assignment is not None, timedelta(hours=1))
    assert world.now - placed >= timedelta(seconds=5)


def test_while_it_runs_each_arm_has_a_rule_and_a_range_and_the_rule_itself_stays_at_stable() -> None:
    world = running()
    assignment = world.status.traffic.assignment
    assert assignment is not None
    new, old = world.revision("new"), world.revision("old")
    assert (world.met_by("treatment"), world.met_by("control")) == (new, old)
    assert assignment.key == f"facts.{new}"
    ranges = {part.variant: (part.start, part.end, part.header) for part in assignment.ranges}
    assert ranges == {"treatment": (0, 5000, "0f8fad5b-treatment"), "control": (5000, 10_000, "0f8fad5b-control")}
    headers = {state.variant.name: state.variant.header for state in world.variants}
    assert headers == {name: part[2] for name, part in ranges.items()}
    assert world.candidate_weight == 0
    assert {b.revision for b in world.backends} == {old}
    marks = {(s.variant.arm, s.variant.owner, s.variant.release, s.variant.step) for s in world.variants}
    assert marks == {("candidate", UID, 1, 1), ("stable", UID, 1, 1)}
    assert world.status.traffic.mode == "HeaderRule"
    assert world.status.traffic.holder is not None
    assert world.status.traffic.holder.kind == "Experiment"


def test_a_wider_share_keeps_all_users_that_it_had() -> None:
    key = running().status.traffic.assignment.key  # type: ignore[union-attr]
    users = [f"user-{number}" for number in range(400)]
    at = {w: {u for u in users if fine_bucket(u, key) < w * 100} for w in (10, 50)}
    assert at[10] < at[50]


def test_all_go_back_to_stable_first_then_the_policy_goes_then_the_rules() -> None:
    world = running()
    world.trials = ()
    seen: list[tuple[str | None, bool]] = []
    world.run(lambda w: seen.append((w.met_by("treatment"), w.assigner_policy is not None)) or at_home(w))
    old, new = world.revision("old"), world.revision("new")
    assert [*dict.fromkeys(seen)] in (
        [(old, True), (old, False), (None, False)],
        [(old, False), (None, False)],
        [(new, True), (old, True), (old, False), (None, False)],
    )
    assert world.status.traffic.holder is None
    assert not world.finalizers
    assert "TrialEnded" in reasons(world)


def test_answers_after_the_end_are_nobodys_evidence() -> None:
    world = running()
    world.trials = ()
    world.gateway_up = False
    world.settle()
    assert {(s.variant.owner, s.variant.step) for s in world.variants} == {("uid-1", 0)}


def test_the_treatments_pods_go_when_it_was_not_shipped_and_stay_when_it_was() -> None:
    world = running()
    new = world.revision("new")
    world.trials = ()
    world.run(lambda w: at_home(w) and new not in w.pods, timedelta(minutes=2))
    world = running()
    world.candidate("new")
    world.trials = ()
    world.run(at_home)
    assert new in world.pods
    world.run(lambda w: w.status.release is not None and w.status.release.step == 1)


def test_a_release_waits_for_a_trial_that_has_users_but_not_for_one_that_has_none() -> None:
    world = running()
    world.candidate("newer")
    world.stay(timedelta(hours=2))
    assert world.status.release is None
    world.trials = ()
    world.run(lambda w: w.status.release is not None)
    world = asked()
    world.run(lambda w: w.status.trial is not None)
    world.candidate("newer")
    world.run(lambda w: w.status.release is not None and w.status.trial is None, timedelta(minutes=5))


def test_an_experiment_waits_for_a_release_and_gets_the_traffic_after_it() -> None:
    world = adopted(bake={"duration": "1h"})
    world.capabilities = BOTH
    world.candidate("newer")
    world.run(lambda w: w.status.release is not None)
    world.trials = (request(),)
    world.stay(timedelta(hours=3))
    assert world.status.trial is None
    world.run(lambda w: w.status.trial is not None)
    assert world.status.release is not None
    assert world.status.release.state == "Promoted"


def test_the_oldest_experiment_goes_first_and_the_next_follows() -> None:
    first, second = request("a", "1" * 36, created=START), request("b", "2" * 36, created=START + timedelta(hours=1))
    world = running(second, first)
    assert world.status.trial.experiment == "a"  # type: ignore[union-attr]
    world.trials = (second,)
    world.run(lambda w: w.status.trial is not None and w.status.trial.experiment == "b")
    assert {s.variant.owner for s in world.variants} <= {"2" * 36, "uid-1"}


def test_a_treatment_that_crashes_loses_its_users_at_once_and_its_experiment_hears_why() -> None:
    world = running()
    world.crash("new")
    world.settle()
    trial = world.status.trial
    assert trial is not None
    assert (trial.state, trial.cause) == ("Leaving", "CrashLoop")
    assert world.met_by("treatment") == world.revision("old")
    world.stay(timedelta(minutes=10))
    assert world.status.trial is not None
    assert not world.variants
    world.trials = ()
    world.run(at_home, timedelta(minutes=1))


def test_a_treatment_that_never_gets_ready_ends_the_trial_without_any_user() -> None:
    world = asked()
    world.never_ready = {world.revision("new")}
    world.run(lambda w: w.status.trial is not None and w.status.trial.cause == "NotReady", timedelta(hours=1))
    assert not any(isinstance(action, act.PatchVariants) for plan in world.plans for action in plan.actions)


@pytest.mark.parametrize("removed", [False, None])
def test_nobody_is_assigned_where_a_client_could_choose_its_arm(removed: bool | None) -> None:
    world = asked()
    world.header_removed = removed
    world.stay(timedelta(minutes=5))
    assert not world.variants
    assert world.status.trial is not None
    assert "x-pawl-variant" in world.status.trial.message
    world.header_removed = True
    world.run(lambda w: w.status.trial is not None and w.status.trial.state == "Running", timedelta(hours=1))


def test_the_clock_starts_when_every_assigner_has_the_assignment() -> None:
    world = asked()
    world.assigners_follow = False
    world.run(lambda w: w.assigner_policy is not None, timedelta(hours=1))
    world.assigners = [1, 0]
    world.stay(timedelta(minutes=1))
    assert world.status.trial.running_at is None  # type: ignore[union-attr]
    world.assigners = []
    world.stay(timedelta(minutes=1))
    assert world.status.trial.running_at is None  # type: ignore[union-attr]
    world.assigners = [1, 1]
    world.settle()
    assert world.status.trial.running_at == world.now  # type: ignore[union-attr]


def test_without_an_assigner_no_experiment_gets_the_traffic() -> None:
    world = asked()
    world.capabilities = frozenset({HASHED_BUCKET})
    world.stay(timedelta(hours=1))
    assert world.status.trial is None


def test_in_shadow_every_user_meets_control_and_the_treatment_answers_copies() -> None:
    world = running(request(weight=0, mirror_percent=100))
    assert [s.variant.name for s in world.variants] == ["control"]
    mirror = world.variants[0].variant
    assert (mirror.mirror_service, mirror.mirror_percent) == (f"facts-{world.revision('new')}", 100)
    ranges = world.status.traffic.assignment.ranges  # type: ignore[union-attr]
    assert [(part.variant, part.start, part.end) for part in ranges] == [("control", 0, 10_000)]


def test_paired_arms_answer_each_others_requests() -> None:
    world = running(request(mirror_percent=100))
    mirrors = {s.variant.name: s.variant.mirror_service for s in world.variants}
    assert mirrors == {"treatment": f"facts-{world.revision('old')}", "control": f"facts-{world.revision('new')}"}


def test_what_somebody_changes_in_a_trials_rules_is_put_back() -> None:
    world = running()
    world.variants = (replace(world.variants[0], follows=False), world.variants[1])
    world.settle()
    assert all(state.follows for state in world.variants)
    world.variants, world.assigner_policy = (), None
    world.settle()
    assert (len(world.variants), world.assigner_policy) == (2, "x-user-id")


def test_a_rollout_that_is_deleted_takes_all_users_back_before_it_goes() -> None:
    world = running()
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=5))
    assert not world.variants
    assert world.assigner_policy is None


def test_a_deleted_rollout_does_not_wait_for_ever_for_a_dead_gateway() -> None:
    world = running()
    world.gateway_up = False
    world.delete()
    world.run(lambda w: w.gone, timedelta(minutes=6))


def test_a_lost_status_leaves_no_user_in_a_treatment() -> None:
    world = running()
    world.trials = ()
    world.status = type(world.status)()
    world.run(lambda w: w.status.phase == "Healthy" and at_home(w), timedelta(hours=1))
    assert world.candidate_weight == 0


def test_an_abort_or_suspension_of_the_rollout_starts_no_new_trial() -> None:
    world = asked(suspend=True)
    world.stay(timedelta(hours=1))
    assert world.status.trial is None


@pytest.mark.parametrize("kill", range(1, 16))
def test_a_kill_after_any_write_ends_in_the_same_place(kill: int) -> None:
    world = asked()
    for number in range(60):
        world.reconcile(stop_after=1 if number % kill == 0 else None)
        world.advance(timedelta(seconds=1))
    world.run(lambda w: w.status.trial is not None and w.status.trial.state == "Running", timedelta(hours=1))
    assert (world.met_by("treatment"), world.met_by("control")) == (world.revision("new"), world.revision("old"))
    world.trials = ()
    for number in range(40):
        world.reconcile(stop_after=1 if number % kill == 0 else None)
        world.advance(timedelta(seconds=1))
    world.run(at_home, timedelta(hours=1))
