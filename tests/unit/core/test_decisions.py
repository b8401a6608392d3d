"""Every decision of an Experiment, from the sums that lead to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl.api.analysis import AnalysisMetric
from pawl.api.meta import Margin
from pawl.decisions import DecisionPlan, ExperimentJudgement, GatedMetric, decide_experiment
from pawl.evidence import DroppedGroup, Flaw, MetricEvidence, ReleaseEvidence
from pawl.stats.ratio import PairedDifference, RatioSums

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def metric(name: str = "accuracy", direction: str = "Higher") -> AnalysisMetric:
    margin = Margin(absolute="0.05") if name == "accuracy" else Margin(relative="20%")
    return AnalysisMetric(name=name, direction=direction, margin=margin)  # type: ignore[arg-type]


PLAN = DecisionPlan(
    metrics=(GatedMetric(metric(), "Primary"), GatedMetric(metric("latency", "Lower"), "Guardrail")),
    alpha=0.05,
    ship_alpha=0.05,
    expected_users=2000,
    min_users=30,
    min_samples=1000,
    max_duration=14 * DAY,
    whole_days=False,
    mirrored=False,
)


def arm(users: int, ratio: float) -> RatioSums:
    return RatioSums(users, ratio, users * ratio * (1 - ratio), 1.0, 0.0, 0.0)


def group(name: str, candidate: RatioSums, stable: RatioSums, **more: object) -> MetricEvidence:
    arms = {"candidate": candidate, "stable": stable}
    made = MetricEvidence(name, 1, 1, START, START, arms, samples={"candidate": 2000, "stable": 2000})
    return replace(made, **more)  # type: ignore[arg-type]


def evidence(accuracy: MetricEvidence | None, latency: MetricEvidence | None = None) -> ReleaseEvidence:
    latency = latency or group("latency", arm(2000, 0.04), arm(2000, 0.04))
    return ReleaseEvidence("uid", 1, tuple(m for m in (accuracy, latency) if m is not None))


def decided(
    accuracy: MetricEvidence | None, latency: MetricEvidence | None = None, *, after: timedelta = HOUR, **plan: object
) -> ExperimentJudgement:
    return decide_experiment(replace(PLAN, **plan), evidence(accuracy, latency), START, START + after)  # type: ignore[arg-type]


def both(users: int, treatment: float, control: float, **more: object) -> MetricEvidence:
    return group("accuracy", arm(users, treatment), arm(users, control), **more)


def test_a_treatment_that_is_proven_better_on_enough_of_everything_is_shipped() -> None:
    judged = decided(both(2000, 0.9, 0.8))
    assert (judged.decision, judged.reason) == ("Ship", "ProvenBetter")
    assert "better than control" in judged.message


def test_harm_beyond_the_margin_is_rejected_at_once() -> None:
    judged = decided(both(2000, 0.6, 0.8))
    assert (judged.decision, judged.reason) == ("Reject", "HarmProven")


def test_a_harmed_guardrail_rejects_what_the_primary_metric_would_ship() -> None:
    slow = group("latency", arm(2000, 0.4), arm(2000, 0.04))
    assert decided(both(2000, 0.9, 0.8), slow).decision == "Reject"


def test_a_guardrail_that_is_not_shown_harmless_holds_the_ship() -> None:
    unclear = group("latency", arm(100, 0.06), arm(100, 0.04))
    judged = decided(both(2000, 0.9, 0.8), unclear)
    assert judged.decision is None
    assert "latency" in judged.message


def test_a_guardrail_without_evidence_holds_the_ship() -> None:
    found = ReleaseEvidence("uid", 1, (both(2000, 0.9, 0.8),))
    judged = decide_experiment(PLAN, found, START, START + HOUR)
    assert judged.decision is None


def test_a_secondary_metric_decides_nothing() -> None:
    metrics = (PLAN.metrics[0], GatedMetric(metric("latency", "Lower"), "Secondary"))
    slow = group("latency", arm(2000, 0.4), arm(2000, 0.04))
    assert decided(both(2000, 0.9, 0.8), slow, metrics=metrics).decision == "Ship"


def test_too_few_scored_interactions_or_users_hold_the_ship() -> None:
    few = both(2000, 0.9, 0.8, samples={"candidate": 999, "stable": 5000})
    assert "999 of 1000 scored interactions" in decided(few).message
    assert decided(both(2000, 0.9, 0.8), min_users=2001).decision is None


def test_a_treatment_that_is_proven_not_better_is_kept_out_early() -> None:
    judged = decided(both(100_000, 0.79, 0.80), group("latency", arm(100_000, 0.04), arm(100_000, 0.04)))
    assert (judged.decision, judged.reason) == ("KeepControl", "ProvenNotBetter")


def test_a_twin_is_never_decided_before_its_time_and_then_kept_out() -> None:
    twin = both(50_000, 0.8, 0.8)
    quick = group("latency", arm(50_000, 0.04), arm(50_000, 0.04))
    assert decided(twin, quick).decision is None
    judged = decided(twin, quick, after=14 * DAY)
    assert (judged.decision, judged.reason) == ("KeepControl", "NotBetterInTime")


def test_when_time_is_up_and_the_interval_is_wide_more_data_is_asked_for() -> None:
    judged = decided(both(40, 0.82, 0.8), after=14 * DAY)
    assert (judged.decision, judged.reason) == ("Extend", "Underpowered")
    assert decided(None, after=14 * DAY).decision == "Extend"


def test_a_sample_ratio_mismatch_makes_everything_invalid() -> None:
    lost = both(2000, 0.9, 0.8, log_e={"srm": log(1001)})
    judged = decided(lost)
    assert (judged.decision, judged.reason) == ("Invalid", "SampleRatioMismatch")
    assert decided(both(2000, 0.9, 0.8, log_e={"srm": log(999)})).decision == "Ship"


def test_whole_days_let_ship_be_decided_only_at_their_end() -> None:
    good = both(2000, 0.9, 0.8)
    for hours, decision in ((23, None), (24, "Ship"), (25, None), (47, None), (48.5, "Ship")):
        assert decided(good, after=hours * HOUR, whole_days=True).decision == decision, hours
    assert decided(good, after=5 * HOUR, whole_days=True).wake_at == START + DAY
    # Harm does not wait for the end of a day.
    assert decided(both(2000, 0.6, 0.8), after=HOUR, whole_days=True).decision == "Reject"


def test_series_that_contradict_each_other_decide_nothing() -> None:
    found = replace(evidence(None), dropped=(DroppedGroup("accuracy", 1, Flaw.TWO_BATCHES),))
    judged = decide_experiment(PLAN, found, START, START + HOUR)
    assert judged.decision is None
    assert "contradict" in judged.message


def test_pairs_decide_with_far_fewer_users() -> None:
    few = both(30, 0.9, 0.7, samples={"candidate": 600, "stable": 600, "paired": 1100})
    assert decided(few).decision is None
    paired = replace(few, paired=PairedDifference(193, 0.2, 193 * 0.09))
    quick = group("latency", arm(2000, 0.04), arm(2000, 0.04))
    judged = decided(paired, quick, mirrored=True)
    assert judged.decision == "Ship"
    assert "pairs of users" in judged.message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_decision_comes_from_what_is_no_number(value: float) -> None:
    broken = both(2000, 0.9, 0.8)
    broken = replace(broken, arms={"candidate": RatioSums(2000, value, 1.0, 1.0, 0.0, 0.0), "stable": arm(2000, 0.8)})
    assert decided(broken).decision in (None, "Extend")


@given(st.integers(2, 5000), st.integers(2, 5000), st.floats(0, 1), st.floats(0, 1), st.integers(0, 20))
def test_ship_is_never_decided_where_the_treatment_looks_worse(
    treated: int, controls: int, treatment: float, control: float, days: int
) -> None:
    found = group("accuracy", arm(treated, treatment), arm(controls, control))
    judged = decided(found, after=days * DAY)
    if judged.decision == "Ship":
        assert treatment > control
    if judged.decision == "Reject":
        assert treatment < control - 0.05
