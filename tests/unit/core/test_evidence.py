"""Samples become evidence only if they agree with each other."""

from dataclasses import replace
from datetime import UTC, datetime
from math import inf, nan

import pytest
from evidence_samples import COMPUTED, group, release_wide
from hypothesis import given
from hypothesis import strategies as st

from pawl.evidence import Flaw, Sample, parse_samples


def test_a_whole_group_is_read():
    evidence = parse_samples(group() + release_wide())["u1"]
    (metric,) = evidence.metrics
    assert (metric.metric, metric.step, metric.batch, metric.instance) == ("accuracy", 1, 3, "m-0:8080")
    assert metric.arms["candidate"].ratio == pytest.approx(0.4)
    assert metric.arms["candidate"].comoment == 0.5
    assert (metric.paired.users, metric.paired.mean) == (50, -0.1)
    assert metric.log_e == {"harm": 0.5, "srm": -0.5}
    assert metric.label_rate == 12.0
    assert metric.samples == {"candidate": 120, "stable": 120, "paired": 120}
    assert evidence.computed_at == datetime.fromtimestamp(COMPUTED, UTC)
    assert evidence.first_harm == datetime.fromtimestamp(COMPUTED - 60, UTC)
    assert (evidence.exposed_users, evidence.exposed_requests) == (17, 42)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_group_with_a_number_that_is_none_is_dropped(value):
    for spoilt in range(len(group())):
        samples = group()
        samples[spoilt] = replace(samples[spoilt], value=value)
        evidence = parse_samples(samples)["u1"]
        assert evidence.metrics == ()
        assert evidence.flaw_of("accuracy") is Flaw.NON_FINITE


def test_a_group_from_two_monitors_is_dropped():
    evidence = parse_samples(group() + group(instance="m-1:8080"))["u1"]
    assert evidence.flaw_of("accuracy") is Flaw.TWO_SOURCES
    assert evidence.metrics == ()


def test_a_group_of_two_batches_is_dropped():
    other = Sample("pawl_evidence_batch", group()[0].labels, 4.0)
    assert parse_samples([*group(), other])["u1"].flaw_of("accuracy") is Flaw.TWO_BATCHES


def test_a_doubled_series_drops_its_group_and_no_other():
    evidence = parse_samples([*group(), group()[0], *group(step=2), *group("latency")])["u1"]
    assert evidence.flaw_of("accuracy") is Flaw.DUPLICATE
    assert [m.step for m in evidence.steps_of("accuracy")] == [2]
    assert evidence.flaw_of("latency") is None


def test_an_arm_without_all_its_sums_is_dropped():
    samples = [s for s in group() if not (s.name.endswith("_m2") and s.labels["arm"] == "stable")]
    samples = [s for s in samples if not s.name.endswith("denominator_m2")]
    assert parse_samples(samples)["u1"].flaw_of("accuracy") is Flaw.INCOMPLETE


def test_a_monitor_that_counts_no_samples_leaves_them_unknown():
    (metric,) = parse_samples([s for s in group() if not s.name.endswith("_samples")])["u1"].metrics
    assert metric.samples.get("candidate") is None
    assert metric.arms["candidate"].users == 50


def test_no_closed_batch_is_no_evidence_and_no_flaw():
    evidence = parse_samples(group(batch=0))["u1"]
    assert (evidence.metrics, evidence.dropped) == ((), ())
    assert evidence.computed_at is not None


def test_the_newest_release_counts_unless_another_is_named():
    samples = group(release=1) + group(release=2)
    assert parse_samples(samples)["u1"].release == 2
    assert parse_samples(samples, {"u1": 1})["u1"].release == 1
    assert "u1" not in parse_samples(samples, {"u1": 3})


def test_objects_are_kept_apart():
    assert set(parse_samples(group() + group(uid="u2"))) == {"u1", "u2"}


def test_strangers_samples_are_ignored():
    labels = group()[0].labels
    strange = [
        Sample("up", labels, 1.0),
        Sample("pawl_evidence_users", {"release": "1"}, 1.0),
        Sample("pawl_evidence_users", {**labels, "release": "one"}, 1.0),
    ]
    assert parse_samples(strange) == {}


@pytest.mark.parametrize("value", [-1.0, 0.0, 1e18])
def test_a_time_that_cannot_be_is_no_time(value):
    samples = [replace(s, value=value) if s.name.endswith("computed_timestamp_seconds") else s for s in group()]
    assert parse_samples(samples)["u1"].computed_at is None


def test_a_metric_without_denominators_counts_one_for_each_user():
    samples = [s for s in group() if "denominator" not in s.name and "comoment" not in s.name]
    (metric,) = parse_samples(samples)["u1"].metrics
    assert metric.arms["stable"].ratio == 0.9


@given(st.permutations(group() + group("latency", 2) + release_wide()))
def test_the_order_of_samples_does_not_matter(samples):
    assert parse_samples(samples) == parse_samples(group() + group("latency", 2) + release_wide())


@given(st.lists(st.sampled_from(group() + group(step=2)), max_size=60))
def test_whatever_is_missing_or_doubled_nothing_breaks(samples):
    for evidence in parse_samples(samples).values():
        assert all(metric.batch > 0 for metric in evidence.metrics)
