"""An Experiment's way from the question to the decision, as its Rollout and the evidence lead it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pawl.api.experiment import Experiment, ExperimentStatus
from pawl.api.rollout import Rollout
from pawl.api.rollout_status import Holder, RolloutStatus, StableStatus, TrafficStatus, TrialArm, TrialStatus
from pawl.api.serving import ModelVersion
from pawl.evidence import MetricEvidence, ReleaseEvidence
from pawl.stats.ratio import RatioSums
from pawl_operator.kinds.experiment.actions import Plan, SetCandidate
from pawl_operator.kinds.experiment.decide import decide
from pawl_operator.kinds.experiment.snapshot import ExperimentSnapshot
from pawl_operator.kinds.rollout.versions import resolve

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
UID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OLD, NEW = (
    {"source": f"models:/facts/{name}", "digest": f"sha256:{letter * 64}"} for name, letter in (("1", "a"), ("2", "b"))
)


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "rolloutRef": {"name": "facts"},
        "variants": [
            {"name": "control", "role": "Control"},
            {"name": "treatment", "role": "Treatment", "weight": 50} | NEW,
        ],
        "metrics": [{"name": "accuracy", "role": "Primary"}],
        "analysis": {"minSamplesPerVariant": 100, "wholeDays": False, "maxDuration": "14d"},
        "onShip": "SetCandidate",
    } | changes


def experiment(status: ExperimentStatus | None = None, **changes: Any) -> Experiment:
    made = Experiment.model_validate({"metadata": {"name": "better", "uid": UID}, "spec": spec(**changes)})
    return made.model_copy(update={"status": status}) if status is not None else made


def rollout(**status: Any) -> Rollout:
    wire = {
        "component": "facts",
        "routeRef": {"name": "facts", "ruleName": "infer"},
        "initialStable": OLD,
        "serve": {"image": "server:1"},
    }
    made = Rollout.model_validate({"metadata": {"name": "facts"}, "spec": wire})
    stable = StableStatus(
        revision=resolve(made.spec, ModelVersion(**OLD)).revision, **OLD, service="facts-old", since=NOW
    )
    return made.model_copy(update={"status": RolloutStatus(stable=stable).model_copy(update=status)})


def trial(state: str = "Running", **changes: Any) -> TrialStatus:
    spec_ = rollout().spec
    arms = {
        name: TrialArm(variant=name, revision=resolve(spec_, ModelVersion(**v)).revision, **v, service=f"facts-{name}")
        for name, v in (("treatment", NEW), ("control", OLD))
    }
    made = TrialStatus(
        experiment="better",
        uid=UID,
        state=state,  # type: ignore[arg-type]
        treatment=arms["treatment"],
        control=arms["control"],
        weight=50,
        header="x-user-id",
        started_at=NOW,
        running_at=NOW if state == "Running" else None,
        ready_deadline=NOW + timedelta(minutes=10),
    )
    return made.model_copy(update=changes)


def evidence(treatment: float, control: float, users: int = 2000) -> ReleaseEvidence:
    arms = {
        name: RatioSums(users, ratio, users * ratio * (1 - ratio), 1.0, 0.0, 0.0)
        for name, ratio in (("candidate", treatment), ("stable", control))
    }
    counts = {"candidate": users, "stable": users}
    metric = MetricEvidence("accuracy", 1, 3, NOW, NOW, arms, samples=counts)
    return ReleaseEvidence(UID, 1, (metric,), computed_at=NOW)


def seen(**changes: Any) -> ExperimentSnapshot:
    base = ExperimentSnapshot(
        experiment=experiment(),
        uid=UID,
        generation=1,
        rollout=rollout(),
        component_metrics={},
        assigner=True,
        gateway={},
        metrics_fresh_at=NOW,
    )
    return replace(base, **changes)


def condition(plan: Plan, kind: str) -> tuple[str, str]:
    found = next(entry for entry in plan.status.conditions if entry.type == kind)
    return found.status, found.reason


def running(**changes: Any) -> ExperimentSnapshot:
    return seen(rollout=rollout(trial=trial()), **changes)


def test_it_waits_for_the_traffic_and_names_who_has_it() -> None:
    holder = Holder(kind="Experiment", name="other", uid="u", since=NOW)
    plan = decide(seen(rollout=rollout(traffic=TrafficStatus(holder=holder))), NOW)
    assert plan.status.phase == "Waiting"
    assert condition(plan, "TrafficGranted") == ("False", "RouteHeld")
    assert "Experiment other" in plan.status.message


def test_its_clock_starts_with_the_trial_and_freezes_both_arms() -> None:
    plan = decide(running(), NOW)
    assert plan.status.phase == "Running"
    assert plan.status.started_at == NOW
    assert plan.status.control is not None
    assert plan.status.treatment is not None
    assert (plan.status.control.source, plan.status.treatment.source) == ("models:/facts/1", "models:/facts/2")
    assert condition(plan, "TrafficGranted") == ("True", "Granted")


@pytest.mark.parametrize("state", ["Preparing", "Placing", "Publishing"])
def test_before_the_trial_runs_it_waits_and_says_what_for(state: str) -> None:
    plan = decide(seen(rollout=rollout(trial=trial(state, message="getting ready"))), NOW)
    assert (plan.status.phase, plan.status.message, plan.status.started_at) == ("Waiting", "getting ready", None)


def test_an_interruption_does_not_start_the_clock_anew() -> None:
    first = decide(running(), NOW).status
    later = trial(running_at=NOW + timedelta(hours=3))
    again = decide(seen(experiment=experiment(first), rollout=rollout(trial=later)), NOW + timedelta(hours=3)).status
    assert again.started_at == NOW


def test_a_better_treatment_is_shipped_and_then_set_as_candidate_once() -> None:
    plan = decide(running(evidence=evidence(0.9, 0.8)), NOW)
    assert (plan.status.phase, plan.status.decision, plan.status.reason) == ("Complete", "Ship", "ProvenBetter")
    (action,) = plan.actions
    assert action == SetCandidate("facts", ModelVersion(**NEW))
    assert plan.status.candidate_set_at is None
    set_ = rollout()
    set_ = set_.model_copy(update={"spec": set_.spec.model_copy(update={"candidate": ModelVersion(**NEW)})})
    plan = decide(seen(experiment=experiment(plan.status), rollout=set_), NOW)
    assert plan.actions == ()
    assert plan.status.candidate_set_at == NOW
    # A person takes the candidate out again: that is not undone.
    assert decide(seen(experiment=experiment(plan.status)), NOW).actions == ()


def test_report_only_sets_no_candidate() -> None:
    plan = decide(running(experiment=experiment(onShip="Report"), evidence=evidence(0.9, 0.8)), NOW)
    assert (plan.status.decision, plan.actions) == ("Ship", ())


def test_a_decision_is_never_taken_back() -> None:
    status = decide(running(evidence=evidence(0.9, 0.8)), NOW).status
    after = decide(running(experiment=experiment(status), evidence=evidence(0.1, 0.9)), NOW).status
    assert (after.decision, after.finished_at) == ("Ship", NOW)


def test_a_worse_treatment_is_rejected() -> None:
    plan = decide(running(evidence=evidence(0.5, 0.8)), NOW)
    assert (plan.status.decision, plan.status.reason) == ("Reject", "HarmProven")
    assert plan.actions == ()


def test_a_treatment_whose_pods_crash_is_rejected_with_what_the_rollout_saw() -> None:
    left = trial("Leaving", cause="CrashLoop", message="3 restarts")
    plan = decide(seen(rollout=rollout(trial=left)), NOW)
    assert (plan.status.decision, plan.status.reason) == ("Reject", "CrashLoop")
    assert "3 restarts" in plan.status.message


def test_old_or_missing_evidence_decides_nothing() -> None:
    stale = NOW + timedelta(minutes=5)
    plan = decide(running(evidence=evidence(0.5, 0.8)), stale)
    assert plan.status.decision is None
    assert condition(plan, "MetricsAvailable")[0] == "False"
    fresh = running(evidence=evidence(0.5, 0.8), metrics_fresh_at=stale)
    plan = decide(fresh, stale)
    assert (plan.status.decision, condition(plan, "MetricsAvailable")) == (None, ("False", "EvidenceStale"))
    assert decide(running(gateway=None, evidence=evidence(0.5, 0.8)), NOW).status.decision is None


def test_nobody_counted_until_the_end_asks_for_more() -> None:
    assert decide(running(), NOW).status.decision is None
    end = NOW + timedelta(days=14)
    status = decide(running(), NOW).status
    plan = decide(running(experiment=experiment(status), metrics_fresh_at=end), end)
    assert (plan.status.decision, plan.status.reason) == ("Extend", "Underpowered")


def test_the_same_version_as_stable_or_another_stable_make_it_invalid() -> None:
    variants = spec()["variants"]
    same = [variants[0], variants[1] | OLD]
    plan = decide(seen(experiment=experiment(variants=same)), NOW)
    assert (plan.status.decision, plan.status.reason) == ("Invalid", "TreatmentIsStable")
    status = decide(running(), NOW).status
    other = rollout()
    changed = other.status.stable.model_copy(update={"revision": "cccccccccc"})  # type: ignore[union-attr]
    other = other.model_copy(update={"status": RolloutStatus(stable=changed)})
    plan = decide(seen(experiment=experiment(status), rollout=other), NOW)
    assert (plan.status.decision, plan.status.reason) == ("Invalid", "StableChanged")


@pytest.mark.parametrize(
    ("changes", "spec_changes", "reason"),
    [
        ({"assigner": False}, {}, "AssignerNotOffered"),
        ({"rollout": None}, {}, "RolloutNotFound"),
        ({"component_metrics": None}, {}, "ComponentNotFound"),
        ({"rollout": rollout(stable=None)}, {}, "RolloutNotReady"),
        ({}, {"layer": "search"}, "NotOffered"),
        ({}, {"unit": "Request"}, "NotOffered"),
        ({}, {"mode": "Shadow"}, "InvalidSpec"),
        ({}, {"metrics": [{"name": "revenue", "role": "Primary"}]}, "InvalidSpec"),
        ({}, {"metrics": [{"name": "satisfaction", "role": "Primary"}]}, "InvalidSpec"),
    ],
)
def test_what_cannot_be_asked_says_which_field_and_asks_for_no_traffic(
    changes: dict[str, Any], spec_changes: dict[str, Any], reason: str
) -> None:
    plan = decide(seen(experiment=experiment(**spec_changes), **changes), NOW)
    assert condition(plan, "Accepted") == ("False", reason)
    assert plan.status.phase == "Pending"


def test_a_suspended_experiment_asks_for_nothing_and_keeps_what_it_knows() -> None:
    status = decide(running(), NOW).status
    plan = decide(running(experiment=experiment(status, suspend=True)), NOW)
    assert (plan.status.phase, plan.status.decision, plan.status.started_at) == ("Pending", None, NOW)
    assert condition(plan, "TrafficGranted") == ("False", "Suspended")


def test_the_same_sight_gives_the_same_plan_and_then_nothing_more() -> None:
    first = decide(running(evidence=evidence(0.82, 0.8)), NOW)
    again = decide(running(experiment=experiment(first.status), evidence=evidence(0.82, 0.8)), NOW)
    assert again.status == first.status
    assert again.events == ()
