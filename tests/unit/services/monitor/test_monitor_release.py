"""From a Rollout's status to what the monitor follows."""

from datetime import UTC, datetime
from typing import Any

import pytest
from monitor_objects import component
from monitor_objects import rollout as any_rollout

from pawl_services.monitor.latency import SAMPLES, ThresholdSampler, threshold
from pawl_services.monitor.release import Release
from pawl_services.monitor.sighting import sight

METRICS = [
    {"name": "accuracy", "role": "Primary", "margin": {"absolute": "0.05"}},
    {"name": "latency", "margin": {"relative": "20%"}},
    {"name": "toxicity", "margin": {"absolute": "0.01"}, "direction": "Lower"},
]


def rollout(state: str = "Progressing", metrics: object = METRICS, **changes: Any) -> dict[str, Any]:
    return any_rollout(state=state, metrics=metrics, **changes)


def only(*rollouts: dict[str, Any], **spec: object) -> Release:
    found = sight(rollouts, [component(**spec)])
    assert not found.unknown
    return found.live[0]


def test_the_frozen_plan_is_read() -> None:
    release = only(rollout())
    assert release.key == ("u1", 3)
    assert (release.candidate, release.stable) == ("b" * 10, "a" * 10)
    assert (release.window, release.delay) == (1_800_000_000, 3_600_000_000)
    assert release.started == int(datetime(2026, 1, 1, 10, tzinfo=UTC).timestamp() * 1e6)
    assert release.metrics == ("accuracy", "latency")
    assert release.slow_factor == pytest.approx(1.2)
    assert release.labels == {"correction": "Given", "confirmation": "Shown"}
    assert Release.from_json(release.to_json()) == release


@pytest.mark.parametrize("state", ["Preparing", "Promoted", "RolledBack", "Superseded", "Aborted"])
def test_other_releases_are_not_live(state: str) -> None:
    found = sight([rollout(state)], [component()])
    assert (found.live, found.unknown) == ((), frozenset())


@pytest.mark.parametrize("state", ["Progressing", "Baking", "RollingBack"])
def test_live_states(state: str) -> None:
    assert only(rollout(state)).number == 3


def test_of_an_unreadable_rollout_or_a_missing_component_nothing_is_known() -> None:
    broken = rollout()
    broken["metadata"] = {**broken["metadata"], "name": "other", "uid": "u2"}
    broken["status"]["release"]["plan"]["mode"] = "Telepathy"
    found = sight([broken, rollout()], [component()])
    assert [release.uid for release in found.live] == ["u1"]
    assert found.unknown == {"u2"}
    assert sight([rollout()], []).unknown == {"u1"}
    assert sight([rollout()], [component(score="python:my.scores:f")]).unknown == {"u1"}


def test_without_quality_metrics_any_score_will_do() -> None:
    assert only(rollout(metrics=METRICS[1:2] and [{**METRICS[1], "role": "Primary"}]), score="judged").metrics == (
        "latency",
    )


def test_absolute_latency_margin_is_in_points_and_slow_starts_at_the_percentile() -> None:
    metrics = [{"name": "latency", "role": "Primary", "margin": {"absolute": "0.05"}}]
    assert only(rollout(metrics=metrics)).slow_factor == 1.0


def test_which_answers_are_the_releases_own() -> None:
    release = only(rollout())
    assert release.is_live("stable", "a" * 10, 1)
    assert release.is_live("candidate", "b" * 10, 4)
    assert release.is_live("candidate", None, 1)
    for arm, revision, step in (
        ("stable", "b" * 10, 1),
        ("candidate", "a" * 10, 1),
        ("stable", "c" * 10, 1),
        (None, "a" * 10, 1),
        ("stable", "a" * 10, 0),
        ("stable", "a" * 10, 5),
        ("stable", "a" * 10, None),
    ):
        assert not release.is_live(arm, revision, step)


def test_unknown_stable_revision_is_anything_but_the_candidate() -> None:
    manifest = rollout(previous=None)
    del manifest["status"]["stable"]
    release = only(manifest)
    assert release.is_live("stable", "c" * 10, 1)
    assert not release.is_live("stable", "b" * 10, 1)


def test_questions() -> None:
    spans, exact = only(rollout()), only(rollout(), score="exact")
    assert (spans.questions("accuracy", 1).signs, spans.questions("accuracy", 1).candidate_share) == (False, 10)
    assert exact.questions("accuracy", 2).signs
    assert not exact.questions("latency", 2).signs
    assert exact.questions("accuracy", 3).candidate_share is None
    assert exact.questions("accuracy", 4).candidate_share is None
    assert only(rollout(mode="RequestWeights")).questions("accuracy", 1).candidate_share is None


def test_threshold_is_a_factor_times_the_95th_percentile_of_the_first_samples() -> None:
    sampler = ThresholdSampler(1.3)
    found = [sampler.observe(float(number)) for number in range(SAMPLES + 5)]
    assert found[: SAMPLES - 1] == [None] * (SAMPLES - 1)
    assert found[SAMPLES - 1] == pytest.approx(1.3 * 47)
    assert found[SAMPLES:] == [None] * 5
    assert threshold([7.0], 1.0) == 7.0
