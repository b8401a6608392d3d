"""Missing metrics, clocks that differ, clocks that jump: hold, and count only what was seen."""

from dataclasses import replace
from datetime import timedelta

import pytest
from rollout_world import RolloutWorld, adopted, spec

from pawl_operator.kinds.rollout.decide import decide

DAY = timedelta(days=1)


def under_way(step: int = 2) -> RolloutWorld:
    world = adopted()
    world.candidate("new")
    world.run(lambda w: w.status.release.step == step and w.status.release.step_started_at is not None, 10 * DAY)
    return world


def condition(world: RolloutWorld, kind: str) -> tuple[str, str]:
    return next((c.status, c.reason) for c in world.status.conditions if c.type == kind)


@pytest.mark.parametrize(("outage", "reason"), [("prometheus_up", "QueryFailed"), ("monitor_up", "EvidenceStale")])
def test_an_outage_holds_says_so_and_its_time_does_not_count(outage, reason):
    world = under_way()
    world.stay(timedelta(hours=20))
    until = world.status.release.hold_until
    setattr(world, outage, False)
    world.stay(timedelta(hours=30))
    assert world.candidate_weight == 25
    assert world.status.verdict == "Unavailable"
    assert condition(world, "MetricsAvailable") == ("False", reason)
    setattr(world, outage, True)
    world.stay(timedelta(minutes=2))
    assert condition(world, "MetricsAvailable")[0] == "True"
    assert timedelta(hours=30) <= world.status.release.hold_until - until <= timedelta(hours=31, minutes=5)
    world.run(lambda w: w.candidate_weight == 50, 2 * DAY)


def test_harm_found_before_an_outage_is_not_acted_on_during_it():
    world = under_way()
    world.prometheus_up = False
    world.stay(timedelta(minutes=10))
    world.accuracy[world.revision("new")] = 0.1
    world.stay(2 * DAY)
    assert world.status.release.state == "Progressing"
    world.prometheus_up = True
    world.run(lambda w: w.status.release.state == "RolledBack", DAY)


def test_a_crash_is_seen_without_any_metrics():
    world = under_way()
    world.prometheus_up = False
    world.stay(timedelta(minutes=10))
    world.crash("new")
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(minutes=1))


def test_an_outage_while_waiting_for_evidence_does_not_start_the_hold_anew():
    world = under_way()
    world.users_per_hour = 0
    world.counts.clear()
    world.stay(2 * DAY)
    until = world.status.release.hold_until
    world.prometheus_up = False
    world.stay(timedelta(hours=3))
    world.prometheus_up = True
    world.stay(timedelta(minutes=2))
    assert world.status.release.hold_until == until


def test_an_outage_does_not_use_up_the_time_for_a_decision():
    steps = [{"setWeight": 50, "hold": "1h", "maxDuration": "12h"}, {"setWeight": 100, "maxDuration": "48h"}]
    world = adopted(steps=steps, analysis=spec()["analysis"] | {"onStall": "Rollback"})
    world.candidate("new")
    world.users_per_hour = 0
    world.stay(timedelta(hours=3))
    deadline = world.status.release.step_deadline
    world.prometheus_up = False
    world.stay(timedelta(hours=30))
    assert world.status.release.state == "Progressing"
    world.prometheus_up = True
    world.stay(timedelta(minutes=2))
    assert world.status.release.step_deadline >= deadline + timedelta(hours=29)
    world.stay(timedelta(hours=6))
    assert world.status.release.state == "Progressing"
    world.run(lambda w: w.status.release.state == "RolledBack", timedelta(hours=6))
    assert world.status.release.cause == "Stalled"


def test_a_deadline_that_was_over_before_an_outage_stays_over():
    world = adopted(steps=[{"setWeight": 50, "hold": "1h", "maxDuration": "2h"}, {"setWeight": 100}])
    world.candidate("new")
    world.users_per_hour = 0
    world.stay(timedelta(hours=4))
    deadline = world.status.release.step_deadline
    world.prometheus_up = False
    world.stay(timedelta(hours=3))
    world.prometheus_up = True
    world.stay(timedelta(minutes=2))
    assert world.status.release.step_deadline == deadline


def test_evidence_that_vanishes_is_unavailable_and_never_was_is_no_data():
    world = adopted()
    world.candidate("new")
    world.monitor_up = False
    world.run(lambda w: w.status.release.step_started_at is not None, DAY)
    world.looked_at = None
    world.settle()
    assert world.status.verdict == "NoData"
    world.monitor_up = True
    world.stay(timedelta(hours=3))
    assert world.status.evidence[0].batch > 0
    world.monitor_up = False
    world.looked_at = None
    world.settle()
    assert (world.status.verdict, condition(world, "MetricsAvailable")[1]) == ("Unavailable", "EvidenceMissing")


@pytest.mark.parametrize("skew", ["prometheus", "monitor"])
def test_clocks_that_differ_hold_and_say_so(skew):
    world = under_way()
    snapshot = world.snapshot()
    if skew == "prometheus":
        snapshot = replace(snapshot, clock_skew=timedelta(seconds=9))
    else:
        ahead = replace(snapshot.evidence, computed_at=world.now + timedelta(seconds=9))
        snapshot = replace(snapshot, evidence=ahead)
    plan = decide(snapshot, world.now + 5 * DAY if skew == "never" else world.now)
    assert plan.status.verdict == "Unavailable"
    assert next(c.status for c in plan.status.conditions if c.type == "ClockSkew") == "True"


def test_a_clock_that_goes_back_never_shortens_a_hold():
    world = under_way()
    until = world.status.release.hold_until
    world.now -= timedelta(hours=6)
    world.settle()
    assert world.status.release.hold_until >= until
    world.stay(timedelta(hours=1))
    assert world.candidate_weight == 25


def test_a_clock_that_goes_back_while_it_stands_still_gives_nothing_away():
    world = under_way()
    until = world.status.release.hold_until
    world.prometheus_up = False
    world.stay(timedelta(hours=1))
    world.now -= timedelta(hours=9)
    world.prometheus_up = True
    world.stay(timedelta(minutes=1))
    assert world.status.release.hold_until >= until


def test_the_gateways_counters_missing_is_unavailable():
    world = under_way()
    plan = decide(replace(world.snapshot(), gateway=None), world.now)
    assert plan.status.verdict == "Unavailable"
    assert decide(replace(world.snapshot(), gateway={}), world.now).status.verdict != "Unavailable"
