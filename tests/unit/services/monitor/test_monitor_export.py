"""What Prometheus sees, and that the operator's reader understands all of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from evidence_world import SECOND, START, make_release
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pawl.evidence import CANDIDATE, PAIRED, STABLE, ReleaseEvidence, Sample, parse_samples
from pawl_services.monitor.accumulate import Group, Questions
from pawl_services.monitor.export import EvidenceCollector
from pawl_services.monitor.header import Header
from pawl_services.monitor.totals import UserScore
from pawl_services.monitor.views import View, label_rate

NOW = 1_764_000_100.5
pair = st.none() | st.tuples(*[st.integers(0, 9).map(float)] * 4)
users = st.lists(
    st.tuples(st.sampled_from([STABLE, CANDIDATE]), st.integers(0, 9), st.integers(0, 9), pair), min_size=1, max_size=20
)


def scores(drawn: list[tuple[str, int, int, object]]) -> list[UserScore]:
    return [
        UserScore(
            str(n),
            START + n * SECOND,
            START + (n + 15) * SECOND,
            arm,
            {arm: (float(s), float(d))},
            both,  # type: ignore[arg-type]
            {arm: d, PAIRED: int(both is not None)},
        )
        for n, (arm, s, d, both) in enumerate(drawn)
    ]


def view_of(groups: dict[tuple[int, str], Group], **changes: object) -> View:
    header = replace(Header.new(make_release(uid="u1", namespace="demo")), **changes)  # type: ignore[arg-type]
    return View(header, groups, NOW)


def samples_of(text: str) -> list[Sample]:
    """What an instant query returns: the target adds its own labels."""
    return [
        Sample(sample.name, {**sample.labels, "instance": "10.0.0.1:8080", "job": "monitor"}, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def exported(*views: View, leading: bool = True) -> str:
    collector = EvidenceCollector(lambda: leading)
    collector.publish(views)
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


def read(*views: View) -> ReleaseEvidence:
    return parse_samples(samples_of(exported(*views)))["u1"]


@given(users, users)
def test_the_operator_reads_what_the_monitor_writes(one: list[object], two: list[object]) -> None:
    questions = Questions(signs=True, candidate_share=10)
    first, _ = Group.new().close(scores(one), questions)  # type: ignore[arg-type]
    second, _ = first.close(scores(two), questions)  # type: ignore[arg-type]
    view = view_of(
        {(1, "accuracy"): second, (2, "latency"): first},
        cursor=START + 60 * SECOND,
        exposed_users=7,
        exposed_requests=9,
        first_harm=START + SECOND,
    )
    found = read(view)
    assert found.dropped == ()
    assert (found.release, found.exposed_users, found.exposed_requests) == (3, 7, 9)
    assert found.first_harm == datetime.fromtimestamp(START / 1e6 + 1, UTC)
    assert found.computed_at == datetime.fromtimestamp(NOW, UTC)
    for metric, step, group in (("accuracy", 1, second), ("latency", 2, first)):
        (evidence,) = found.steps_of(metric)
        assert (evidence.step, evidence.batch, evidence.instance) == (step, group.batch, "10.0.0.1:8080")
        assert evidence.watermark == datetime.fromtimestamp(START / 1e6 + 60, UTC)
        assert dict(evidence.log_e) == group.log_e
        assert evidence.label_rate == pytest.approx(label_rate(view.header, group))
        for arm in (STABLE, CANDIDATE):
            sums = group.totals.arm(arm)
            assert evidence.arms.get(arm) == (sums if sums.users else None)
        assert evidence.paired == group.totals.paired()
        assert evidence.samples == {arm: count for arm, count in group.totals.samples.items() if count}


def test_a_release_without_closed_windows_says_that_it_was_looked_at() -> None:
    found = read(view_of({(1, "accuracy"): Group.new()}))
    assert (found.metrics, found.dropped, found.exposed_users) == ((), (), 0)
    assert found.computed_at == datetime.fromtimestamp(NOW, UTC)


def test_users_stored_before_samples_were_counted_have_an_unknown_number_of_them() -> None:
    group, _ = Group.new().close([UserScore("a", 0, 1, STABLE, {STABLE: (1.0, 1.0)})], Questions())
    (evidence,) = read(view_of({(1, "accuracy"): group})).metrics
    assert (evidence.arms[STABLE].users, evidence.samples.get(STABLE)) == (1, None)


def test_nothing_is_exported_without_the_lead_or_before_the_first_look() -> None:
    group, _ = Group.new().close(scores([(STABLE, 1, 1, None)]), Questions())  # type: ignore[list-item]
    assert exported(view_of({(1, "accuracy"): group}), leading=False) == ""
    assert exported() == ""
    assert "nan" not in exported(view_of({(1, "accuracy"): group})).lower()


def test_labels_never_collide_with_those_of_the_target() -> None:
    group, _ = Group.new().close(scores([(STABLE, 1, 1, None)]), Questions(candidate_share=10))  # type: ignore[list-item]
    text = exported(view_of({(1, "accuracy"): group}))
    labels = {name for sample in samples_of(text) for name in sample.labels} - {"instance", "job"}
    assert labels == {
        "object_namespace",
        "object_kind",
        "object",
        "object_uid",
        "release",
        "step",
        "arm",
        "metric",
        "question",
    }


def test_label_rate_counts_both_arms_over_the_time_in_which_windows_opened() -> None:
    group, _ = Group.new().close(scores([(STABLE, 1, 1, None)] * 30), Questions())  # type: ignore[list-item]
    # Windows of 15 s with their delay: at 75 s those that opened in the first minute have closed.
    header = replace(Header.new(make_release()), cursor=START + 75 * SECOND)
    assert label_rate(header, group) == pytest.approx(30 * 60)
    assert label_rate(header, Group.new()) is None
