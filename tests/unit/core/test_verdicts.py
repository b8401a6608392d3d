"""Five verdicts: every row of the table, its reason and its sentence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import log

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pawl.api.rollout_status import ReleasePlan
from pawl.comparison import question_of
from pawl.evidence import DroppedGroup, Flaw, MetricEvidence, ReleaseEvidence
from pawl.gateway import CounterSeries, GatewayCounters
from pawl.hard_limits import WorkloadHealth
from pawl.margins import MetricDefault, harm_margin, least_users, resolved, share_margin
from pawl.stats.ratio import PairedDifference, RatioSums
from pawl.verdicts import Observations, judge

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATENCY = {"name": "latency", "role": "Guardrail", "direction": "Lower", "margin": {"relative": "30%"}}
METRIC = {"name": "accuracy", "role": "Primary", "direction": "Higher", "margin": {"absolute": "0.05"}}


def plan(
    *metrics: dict,
    stable_share: int = 0,
    pairing: str = "None",
    steps: list | None = None,
    mode: str = "HashedBucket",
    **analysis,
) -> ReleasePlan:
    return ReleasePlan.model_validate(
        {
            "steps": steps
            or [
                {"setWeight": 10, "require": "NoHarm"},
                {"setWeight": 50, "require": "NonInferior"},
                {"setWeight": 100, "require": "NoHarm"},
            ],
            "analysis": {"metrics": list(metrics or (METRIC,)), "pairing": {"mode": pairing}, **analysis},
            "bake": {"duration": "24h", "stableShare": stable_share},
            "mode": mode,
        }
    )


def arm(users: int, rate: float) -> RatioSums:
    return RatioSums(users, rate, users * rate * (1 - rate), 1.0, 0.0, 0.0)


def metric(
    step: int = 1, candidate: float = 0.9, users: int = 400, *, name: str = "accuracy", **more
) -> MetricEvidence:
    arms = {"candidate": arm(users, candidate), "stable": arm(users, 0.9)}
    return MetricEvidence(name, step, 7, NOW, NOW, **({"arms": arms, "label_rate": 20.0} | more))


def seen(*metrics: MetricEvidence, **changes) -> Observations:
    evidence = ReleaseEvidence("u", 1, metrics, computed_at=NOW, first_harm=NOW - timedelta(minutes=3))
    return Observations(
        **(
            {
                "evidence": evidence,
                "gateway": {},
                "workload": WorkloadHealth(2, 2),
                "step_started_at": NOW - timedelta(hours=30),
                "fresh_at": NOW,
                "max_age": timedelta(seconds=45),
            }
            | changes
        )
    )


def verdict(found) -> tuple[str, str]:
    return found.verdict, found.reason


def test_no_harm_passes_below_the_last_comparative_step():
    assert verdict(judge(plan(), 1, seen(metric(candidate=0.88)), NOW)) == ("Pass", "EvidencePasses")


def test_proven_harm_fails_and_says_by_how_much():
    found = judge(plan(), 1, seen(metric(candidate=0.59, users=300)), NOW)
    assert verdict(found) == ("Fail", "HarmProven")
    assert found.message.startswith("accuracy 0.31 below stable (interval -0.4")
    assert found.message.endswith("is beyond the margin 0.05: rolling back")
    assert found.first_harm == NOW - timedelta(minutes=3)
    assert found.seen_at == NOW


def test_few_users_prove_no_harm():
    assert verdict(judge(plan(), 1, seen(metric(candidate=0.0, users=29)), NOW)) == ("NoData", "TooFewUsers")
    few = METRIC | {"minUsers": 10}
    silent = seen(metric(candidate=0.0, users=12))
    assert judge(plan(few, expectedUsers=30), 1, silent, NOW).verdict == "Fail"


def test_alpha_is_split_over_the_metrics():
    evidence = seen(metric(candidate=0.817, users=900), metric(name="latency", candidate=0.9, users=900))
    assert judge(plan(), 1, evidence, NOW).verdict == "Pass"
    alone = judge(plan(), 1, evidence, NOW).metrics[0].interval
    shared = judge(plan(METRIC, LATENCY), 1, evidence, NOW).metrics[0].interval
    assert shared.upper > alone.upper
    assert shared.lower == alone.lower, "harmlessness needs no correction"


def test_non_inferiority_holds_until_the_margin_is_excluded():
    few, many = metric(2, users=100), metric(2, users=3000)
    assert verdict(judge(plan(), 2, seen(few), NOW)) == ("Inconclusive", "NotYetNonInferior")
    found = judge(plan(), 2, seen(many), NOW)
    assert verdict(found) == ("Pass", "EvidencePasses")
    assert "excludes the margin" in found.message


def test_a_guardrail_only_must_not_be_harmed():
    guard = METRIC | {"role": "Guardrail", "name": "tone"}
    evidence = seen(metric(2, users=3000), metric(2, users=100, name="tone"))
    assert judge(plan(METRIC, guard), 2, evidence, NOW).verdict == "Pass"


def test_every_judged_metric_says_what_it_could_have_shown_and_until_when():
    found = judge(plan(), 2, seen(metric(2, users=100)), NOW).metrics[0]
    assert found.detectable == pytest.approx(0.05 + found.interval.half_width)
    assert found.eta > NOW
    assert judge(plan(), 2, seen(metric(2, users=100, label_rate=None)), NOW).metrics[0].eta is None


def test_each_step_needs_its_own_users():
    assert verdict(judge(plan(), 2, seen(metric(1, users=5000)), NOW)) == ("NoData", "TooFewUsers")


def test_a_steps_own_number_of_users_counts():
    steps = [{"setWeight": 10, "minUsers": 500, "require": "NoHarm"}, {"setWeight": 100}]
    assert judge(plan(steps=steps), 1, seen(metric(users=499)), NOW).verdict == "NoData"
    assert judge(plan(steps=steps), 1, seen(metric(users=500)), NOW).verdict == "Pass"


def test_no_closed_batch_is_no_data():
    assert verdict(judge(plan(), 1, seen(), NOW)) == ("NoData", "NoClosedBatch")
    assert verdict(judge(plan(), 1, seen(evidence=None), NOW)) == ("NoData", "NoEvidence")


def test_at_100_percent_earlier_cohorts_decide():
    assert verdict(judge(plan(), 3, seen(), NOW)) == ("Pass", "EvidencePasses")
    assert judge(plan(), 3, seen(metric(2, users=400)), NOW).verdict == "Pass"
    assert judge(plan(), 3, seen(metric(2, candidate=0.5)), NOW).verdict == "Fail"


def test_a_stable_share_keeps_the_comparison_at_the_last_step():
    assert judge(plan(stable_share=5), 3, seen(), NOW).verdict == "NoData"


def test_pairs_are_preferred_and_counted():
    pairs = PairedDifference(200, 0.0, 0.5)
    evidence = seen(metric(2, users=11, paired=pairs))
    found = judge(plan(pairing="Mirror"), 2, evidence, NOW)
    assert found.verdict == "Pass"
    assert found.metrics[0].interval.paired
    assert judge(plan(), 2, evidence, NOW).verdict == "NoData"


def test_where_requests_are_split_a_user_is_compared_with_himself():
    """In both arms the same 400 people: apart, their arms are too noisy to show what their differences show."""
    evidence = seen(metric(2, users=400, paired=PairedDifference(400, 0.0, 1.0)))
    found = judge(plan(mode="RequestWeights"), 2, evidence, NOW)
    assert (found.verdict, found.metrics[0].interval.paired) == ("Pass", True)
    assert found.metrics[0].interval.units == 400
    assert verdict(judge(plan(), 2, evidence, NOW)) == ("Inconclusive", "NotYetNonInferior")


def test_pairs_of_split_requests_count_for_metrics_that_no_mirror_pairs():
    latency = {"name": "latency", "arms": {"candidate": arm(400, 0.04), "stable": arm(400, 0.04)}}
    evidence = seen(metric(2, users=400), metric(2, **latency, paired=PairedDifference(400, 0.0, 0.5)))
    both = plan(METRIC, LATENCY, pairing="Mirror", mode="RequestWeights")
    assert judge(both, 2, evidence, NOW).metrics[1].interval.paired
    pinned = plan(METRIC, LATENCY, pairing="Mirror")
    assert not judge(pinned, 2, evidence, NOW).metrics[1].interval.paired
    assert question_of(pinned, pinned.analysis.metrics[1]).paired_from is None


def test_a_user_in_both_arms_counts_once():
    evidence = seen(metric(1, users=400, paired=PairedDifference(20, 0.0, 20.0)))
    found = judge(plan(mode="RequestWeights"), 1, evidence, NOW).metrics[0].interval
    assert (found.paired, found.users, found.units) == (False, 400, 780)
    assert judge(plan(), 1, evidence, NOW).metrics[0].interval.units == 800


def test_a_step_counts_everybody_in_both_arms_not_only_those_who_are_in_each():
    few = metric(2, users=400, paired=PairedDifference(3, 0.0, 0.1))
    evidence = seen(metric(1, users=400, paired=PairedDifference(400, 0.0, 0.5)), few)
    found = judge(plan(mode="RequestWeights"), 2, evidence, NOW)
    assert found.metrics[0].interval.paired
    assert found.verdict == "Pass", found.message


def test_at_100_percent_split_requests_give_no_new_pairs():
    """A mirror goes on there, so its step needs users of its own; without one earlier steps have had their say."""
    evidence = seen(metric(2, users=400, paired=PairedDifference(400, 0.0, 0.5)))
    assert judge(plan(mode="RequestWeights"), 3, evidence, NOW).verdict == "Pass"
    assert judge(plan(mode="RequestWeights"), 3, seen(), NOW).reason == "EvidencePasses"
    assert verdict(judge(plan(pairing="Mirror"), 3, evidence, NOW)) == ("NoData", "TooFewUsers")


def test_two_intervals_share_alpha():
    """Before there are enough pairs the arms are judged, and then the pairs: together they may err once in twenty."""
    metric_ = plan().analysis.metrics[0]
    for several in (plan(pairing="Mirror"), plan(mode="RequestWeights")):
        asked = question_of(several, metric_)
        assert (asked.harm_alpha, asked.safe_alpha, asked.paired_from) == (0.025, 0.025, 30)
    one = question_of(plan(), metric_)
    assert (one.harm_alpha, one.safe_alpha, one.paired_from) == (0.05, 0.05, None)
    edge = seen(metric(1, candidate=0.7575, users=300))
    assert judge(plan(), 1, edge, NOW).verdict == "Fail"
    assert judge(plan(pairing="Mirror"), 1, edge, NOW).verdict == "Pass"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fresh_at": None}, "QueryFailed"),
        ({"fresh_at": NOW - timedelta(seconds=46)}, "QueryFailed"),
        ({"gateway": None}, "GatewayMetricsMissing"),
        ({"clock_skew": timedelta(seconds=6)}, "ClockSkew"),
        ({"evidence": None, "seen_before": True}, "EvidenceMissing"),
        ({"evidence": ReleaseEvidence("u", 1, computed_at=NOW - timedelta(seconds=46))}, "EvidenceStale"),
        ({"evidence": ReleaseEvidence("u", 1, computed_at=NOW + timedelta(seconds=6))}, "ClockSkew"),
    ],
)
def test_what_cannot_be_trusted_is_unavailable(changes, reason):
    assert verdict(judge(plan(), 1, seen(**changes), NOW)) == ("Unavailable", reason)


@pytest.mark.parametrize("flaw", list(Flaw))
def test_a_dropped_group_is_unavailable_even_beside_good_ones(flaw):
    evidence = ReleaseEvidence("u", 1, (metric(1, 0.2),), (DroppedGroup("accuracy", 2, flaw),), NOW)
    assert verdict(judge(plan(), 2, seen(evidence=evidence), NOW)) == ("Unavailable", flaw.value)


def test_old_evidence_proves_no_harm():
    old = replace(seen(metric(candidate=0.1)).evidence, computed_at=NOW - timedelta(minutes=5))
    assert judge(plan(), 1, seen(evidence=old), NOW).verdict == "Unavailable"


def test_a_crash_needs_no_metrics_at_all():
    broken = WorkloadHealth(2, 2, 9, NOW)
    found = judge(plan(), 1, seen(workload=broken, fresh_at=None, evidence=None, gateway=None), NOW)
    assert verdict(found) == ("Fail", "CrashLoop")


def counter(rate: float) -> tuple[CounterSeries, ...]:
    return (CounterSeries(tuple((NOW - timedelta(seconds=600 - i), rate * i) for i in range(601))),)


FAILING = {"candidate": GatewayCounters(counter(10), counter(5)), "stable": GatewayCounters(counter(10))}


def test_failing_requests_fail_without_evidence():
    found = judge(plan(), 1, seen(evidence=None, gateway=FAILING), NOW)
    assert verdict(found) == ("Fail", "ErrorRate")
    swapped = {"stable": FAILING["candidate"], "candidate": FAILING["stable"]}
    assert judge(plan(), 1, seen(evidence=None, gateway=swapped), NOW).verdict == "NoData"


@pytest.mark.parametrize(
    "changes",
    [
        {"evidence": None, "seen_before": True},
        {"evidence": ReleaseEvidence("u", 1, computed_at=NOW - timedelta(hours=20))},
        {"evidence": ReleaseEvidence("u", 1, computed_at=NOW + timedelta(minutes=1))},
        {"evidence": ReleaseEvidence("u", 1, (), (DroppedGroup("accuracy", 1, Flaw.TWO_SOURCES),), NOW)},
    ],
)
def test_a_monitor_that_is_dead_or_confused_does_not_switch_the_limits_off(changes):
    found = judge(plan(), 1, seen(gateway=FAILING, **changes), NOW)
    assert verdict(found) == ("Fail", "ErrorRate")
    slow = {0.25: counter(0), 10.0: counter(10), float("inf"): counter(10)}
    late = {"candidate": GatewayCounters(counter(10), (), slow)}
    limits = {"p99": {"limit": "500ms"}}
    assert verdict(judge(plan(hardLimits=limits), 1, seen(gateway=late, **changes), NOW)) == ("Fail", "Latency")
    assert judge(plan(), 1, seen(gateway={}, **changes), NOW).verdict == "Unavailable"


@pytest.mark.parametrize("changes", [{"fresh_at": None}, {"clock_skew": timedelta(seconds=6)}])
def test_counters_that_cannot_be_trusted_break_no_limit(changes):
    assert judge(plan(), 1, seen(gateway=FAILING, **changes), NOW).verdict == "Unavailable"


def test_an_arm_that_nobody_scrapes_holds_and_names_the_remedy():
    stale = ReleaseEvidence("u", 1, computed_at=NOW - timedelta(hours=1))
    found = judge(plan(), 1, seen(gateway=None, evidence=stale), NOW)
    assert verdict(found) == ("Unavailable", "GatewayMetricsMissing")
    assert "scrape the gateway's proxies" in found.message
    bare = plan().model_copy(update={"analysis": _bare()})
    assert judge(bare, 1, seen(gateway=None), NOW).verdict == "Unavailable"


@pytest.mark.parametrize(("question", "reason"), [("srm", "SampleRatioMismatch"), ("response", "ResponseBias")])
def test_users_in_the_wrong_arms_hold_but_harm_still_fails(question, reason):
    odd = {question: log(100) + 0.01}
    assert verdict(judge(plan(), 1, seen(metric(log_e=odd)), NOW)) == ("Inconclusive", reason)
    assert judge(plan(), 1, seen(metric(log_e=odd, candidate=0.3)), NOW).verdict == "Fail"
    assert judge(plan(), 1, seen(metric(log_e={question: log(100) - 0.01})), NOW).verdict == "Pass"


def test_a_margin_as_large_as_stable_itself_is_said():
    wide = METRIC | {"margin": {"absolute": "0.95"}}
    assert verdict(judge(plan(wide), 1, seen(metric()), NOW)) == ("Inconclusive", "MarginExceedsMetric")


def test_a_margin_as_large_as_stable_itself_holds_nobody_who_is_better_for_certain():
    poor = {"candidate": arm(400, 0.4), "stable": arm(400, 0.04)}
    better = judge(plan(), 1, seen(metric(arms=poor)), NOW)
    assert better.metrics[0].margin >= better.metrics[0].interval.stable_value
    assert better.metrics[0].interval.lower > 0
    assert verdict(better) == ("Pass", "EvidencePasses")
    alike = {"candidate": arm(400, 0.04), "stable": arm(400, 0.04)}
    assert verdict(judge(plan(), 1, seen(metric(arms=alike)), NOW)) == ("Inconclusive", "MarginExceedsMetric")


def test_a_relative_margin_of_nothing_is_said():
    relative = METRIC | {"margin": {"relative": "10%"}}
    zero = {"candidate": arm(100, 0.0), "stable": arm(100, 0.0)}
    assert verdict(judge(plan(relative), 1, seen(metric(arms=zero)), NOW)) == ("Inconclusive", "MarginUnknown")
    assert judge(plan(relative), 1, seen(metric()), NOW).metrics[0].margin == pytest.approx(0.09)


def test_slow_requests_fail_beyond_five_points_more_than_stable():
    latency = {"name": "latency", "role": "Primary", "direction": "Lower", "margin": {"relative": "30%"}}

    def share(candidate: float) -> MetricEvidence:
        arms = {"candidate": arm(300, candidate), "stable": arm(300, 0.04)}
        return metric(name="latency", arms=arms)

    assert judge(plan(latency), 1, seen(share(0.05)), NOW).verdict == "Pass"
    found = judge(plan(latency), 1, seen(share(0.6)), NOW)
    assert found.verdict == "Fail"
    assert "latency 0.56 above stable" in found.message


def test_without_metrics_hard_limits_decide_alone():
    assert verdict(judge(plan().model_copy(update={"analysis": _bare()}), 1, seen(evidence=None), NOW)) == (
        "Pass",
        "NoMetrics",
    )


def _bare():
    from pawl.api.analysis import Analysis

    return Analysis()


@example(14, 0.0, 3, False)
@given(st.integers(0, 3000), st.floats(0, 1), st.integers(1, 3), st.booleans())
def test_a_verdict_never_contradicts_its_interval(users, rate, step, pairing):
    evidence = seen(
        metric(step, rate, users, paired=PairedDifference(users, rate - 0.9, users * 0.05) if users > 1 else None)
    )
    found = judge(plan(pairing="Mirror" if pairing else "None"), step, evidence, NOW)
    for one in found.metrics:
        if one.interval is None:
            assert one.verdict in ("NoData", "Pass")
            continue
        if one.verdict == "Fail":
            assert one.interval.upper < -one.margin
        if one.verdict == "Pass":
            assert one.interval.upper >= -one.margin
            if step == 2:
                assert one.interval.lower > -one.margin
                assert one.interval.users >= 30


def test_margins_and_directions_are_inherited_in_order():
    from pawl.api.analysis import AnalysisMetric
    from pawl.api.meta import Margin
    from pawl.errors import InvalidSpec

    bare = AnalysisMetric(name="accuracy")
    assert resolved(bare, None).margin.absolute == "0.05"
    said = {"accuracy": MetricDefault("Higher", Margin(absolute="0.02"), 50)}
    assert resolved(bare, said).margin.absolute == "0.02"
    assert resolved(bare, said).min_users == 50
    own = AnalysisMetric(name="accuracy", margin=Margin(relative="10%"))
    assert resolved(own, said).margin.relative == "10%"
    with pytest.raises(InvalidSpec, match="tone"):
        resolved(AnalysisMetric(name="tone"), said)


def test_the_margin_of_latency_is_a_share():
    from pawl.api.analysis import AnalysisMetric
    from pawl.api.meta import Margin

    assert share_margin(Margin(relative="30%")) == 0.05
    assert share_margin(Margin(absolute="0.1")) == 0.1
    latency = resolved(AnalysisMetric(name="latency"), None)
    assert harm_margin(latency, None) == 0.05
    assert least_users(latency) == 30
