"""From an Experiment's spec and status to what the monitor follows, and that the share of its treatment is tested."""

from datetime import UTC, datetime
from typing import Any

import pytest
from monitor_objects import ACCURACY, component, experiment, idle_rollout, rollout

from pawl.assignment import FINE_BUCKETS, assignment_key, fine_bucket
from pawl.evidence import CANDIDATE, STABLE
from pawl_services.monitor.accumulate import Group
from pawl_services.monitor.engine import Sighting
from pawl_services.monitor.release import Release
from pawl_services.monitor.sighting import sight
from pawl_services.monitor.totals import UserScore

STARTED = int(datetime(2026, 1, 1, 10, tzinfo=UTC).timestamp() * 1e6)
ALARM = 4.6
"""ln(1 / 0.01)."""


def seen(manifest: dict[str, Any], **spec: object) -> Sighting:
    return sight([idle_rollout()], [component(**spec)], [manifest])


def only(manifest: dict[str, Any], **spec: object) -> Release:
    found = seen(manifest, **spec)
    assert not found.unknown
    return found.live[0]


def changed(part: str, **changes: object) -> dict[str, Any]:
    manifest = experiment()
    manifest[part] = {**manifest[part], **changes}
    return manifest


def test_a_running_experiment_is_a_release_of_one_step() -> None:
    metrics = [ACCURACY, {"name": "satisfaction", "role": "Secondary"}, {"name": "toxicity", "direction": "Lower"}]
    found = only(experiment(metrics=metrics, analysis={"window": "2h", "pairing": {"mode": "Mirror"}}))
    assert (found.key, found.kind, found.name, found.component) == (("e1", 1), "Experiment", "bolder", "facts")
    assert (found.candidate, found.stable) == ("b" * 10, "a" * 10)
    assert (found.started, found.window, found.delay) == (STARTED, 7_200_000_000, 0)
    assert (found.weights, found.mode, found.pairing) == ((20,), "HeaderRule", "Mirror")
    assert (found.metrics, found.score) == (("accuracy", "satisfaction"), "span-f1")
    assert found.labels == {"correction": "Given", "confirmation": "Shown"}
    assert Release.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    "manifest",
    [
        *[experiment(phase=phase) for phase in ("Pending", "Waiting", "Complete")],
        changed("metadata", deletionTimestamp="2026-01-01T11:00:00Z"),
        changed("status", control=None),
        changed("status", treatment=None),
        changed("metadata", uid=None),
    ],
)
def test_one_that_does_not_run_is_not_live(manifest: dict[str, Any]) -> None:
    found = seen(manifest)
    assert (found.live, found.unknown) == ((), frozenset())


def test_of_one_that_cannot_be_read_or_lacks_what_it_names_nothing_is_known() -> None:
    lost = experiment(rolloutRef={"name": "gone"})
    strange = experiment(mode="Telepathy")
    other = experiment()
    other["status"]["treatment"]["variant"] = "third"
    for manifest in (lost, strange, other):
        found = sight([rollout()], [component()], [manifest])
        assert found.unknown == {"e1"}
        assert [release.uid for release in found.live] == ["u1"]
    assert sight([idle_rollout()], [], [experiment()]).unknown == {"e1"}
    assert seen(experiment(), score="judged").unknown == {"e1"}


def test_a_rollout_that_cannot_be_read_does_not_hide_its_experiment() -> None:
    broken = rollout()
    broken["status"]["release"]["plan"]["mode"] = "Telepathy"
    found = sight([broken], [component()], [experiment()])
    assert ([release.uid for release in found.live], found.unknown) == (["e1"], {"u1"})


def test_without_a_start_everything_that_was_received_since_it_was_made_is_read() -> None:
    manifest = changed("status", startedAt=None)
    assert only(manifest).started == 0
    manifest["metadata"]["creationTimestamp"] = "2026-01-01T10:00:00Z"
    assert only(manifest).started == STARTED


def test_nothing_beyond_its_step_counts() -> None:
    found = only(experiment())
    assert found.is_live("candidate", "b" * 10, 1)
    assert found.is_live("stable", "a" * 10, 1)
    for arm, revision, step in (("candidate", "b" * 10, 2), ("candidate", "a" * 10, 1), ("stable", "b" * 10, 1)):
        assert not found.is_live(arm, revision, step)


def test_a_treatment_of_the_controls_own_revision_is_told_apart_by_its_arm() -> None:
    manifest = experiment()
    manifest["status"]["treatment"]["revision"] = "a" * 10
    found = only(manifest)
    assert found.is_live("candidate", "a" * 10, 1)
    assert found.is_live("stable", "a" * 10, 1)
    assert not found.is_live("stable", "b" * 10, 1)


def with_margin(margin: object) -> dict[str, Any]:
    return experiment(metrics=[{"name": "latency", "role": "Primary"} | ({"margin": margin} if margin else {})])


def test_where_slow_begins_comes_from_the_experiment_then_from_the_component() -> None:
    inherited = [{"name": "latency", "direction": "Lower", "margin": {"relative": "40%"}}]
    assert only(with_margin({"relative": "20%"}), metrics=inherited).slow_factor == pytest.approx(1.2)
    assert only(with_margin(None), metrics=inherited).slow_factor == pytest.approx(1.4)
    assert only(with_margin({"absolute": "0.05"}), metrics=inherited).slow_factor == 1.0
    other = [{"name": "accuracy", "margin": {"absolute": "0.05"}}]
    assert only(with_margin(None), metrics=other).slow_factor == pytest.approx(1.3)


def test_the_share_that_is_tested_is_the_treatments_of_both_arms() -> None:
    assert only(experiment(weight=None)).questions("accuracy", 1).candidate_share == 10
    assert only(experiment(weight=37)).questions("latency", 1).candidate_share == 37
    # A third arm's users are nobody's: 20 of the 20 + 30 that are left.
    third = {"name": "wild", "role": "Treatment", "source": "none", "weight": 50}
    both = experiment()["spec"]["variants"]
    assert only(experiment(variants=[*both, third])).questions("accuracy", 1).candidate_share == pytest.approx(40)
    assert only(experiment(mode="Shadow")).questions("accuracy", 1).candidate_share is None


def log_e_of_ratio(end: int, users: int = 5_000) -> float:
    """The test of the sample ratio, had the assigner given the treatment the fine buckets below `end`."""
    release, key = only(experiment(weight=37)), assignment_key("facts", "b" * 10)
    arms = [CANDIDATE if fine_bucket(f"user-{number}", key) < end else STABLE for number in range(users)]
    scores = [UserScore(str(number), number, number + 1, arm) for number, arm in enumerate(arms)]
    return Group.new().close(scores, release.questions("accuracy", 1))[0].log_e["srm"]


def test_the_assigners_own_ranges_are_no_mismatch_and_others_are() -> None:
    assert log_e_of_ratio(37 * FINE_BUCKETS // 100) < 0
    assert log_e_of_ratio(42 * FINE_BUCKETS // 100) > ALARM
