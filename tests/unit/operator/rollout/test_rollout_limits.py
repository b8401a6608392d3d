"""Hard limits at the edges of a release: while a step shifts, while the monitor is dead, and where they are read."""

from datetime import timedelta
from typing import Any

import pytest
from rollout_world import RolloutWorld, adopted, spec

from pawl.api.rollout_status import ReleaseStatus
from pawl_operator.evidence_source import EvidenceTarget
from pawl_operator.kinds.rollout.judging import counted_from
from pawl_operator.kinds.rollout.target import evidence_target
from pawl_operator.traffic.filters import Mark, marked

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def at_step(number: int):
    def reached(world: RolloutWorld) -> bool:
        release = world.status.release
        return release is not None and release.step == number and release.step_started_at is not None

    return reached


def going_back(world: RolloutWorld) -> bool:
    return world.status.release is not None and world.status.release.state in ("RollingBack", "RolledBack")


def live(world: RolloutWorld) -> ReleaseStatus:
    assert world.status.release is not None
    return world.status.release


def test_a_failing_candidate_is_rolled_back_although_the_monitor_is_dead() -> None:
    world = adopted()
    new = world.candidate("new")
    world.run(at_step(2), timedelta(days=3))
    world.monitor_up = False
    world.stay(HOUR)
    assert (world.status.verdict, world.candidate_weight) == ("Unavailable", 25)
    world.error_rate[new] = 1.0
    world.run(going_back, HOUR)
    assert live(world).cause == "ErrorRate"


@pytest.mark.parametrize("before", [0, 1])
def test_limits_see_what_happens_while_a_gateway_does_not_confirm_the_step(before: int) -> None:
    """Some of its replicas may serve the new weight long before the last one says so."""
    world = adopted(analysis=spec()["analysis"] | {"interval": "1m"})
    new = world.candidate("new")
    if before:
        world.run(at_step(before), HOUR)
    world.run(lambda w: live(w).step == before + 1, timedelta(days=2))
    world.gateway_up = False
    world.error_rate[new] = 1.0
    world.run(going_back, 10 * MINUTE)
    assert live(world).cause == "ErrorRate"


def test_requests_count_from_the_first_weight_until_a_step_is_verified() -> None:
    world = adopted()
    assert counted_from(world.status) is None
    world.candidate("new")
    world.run(at_step(1), HOUR)
    first = live(world)
    assert counted_from(world.status) == first.step_started_at
    world.run(lambda w: live(w).step == 2, timedelta(days=2))
    assert live(world).step_started_at is None
    asked = counted_from(world.status)
    assert asked is not None
    assert first.started_at <= asked < first.step_started_at


def condition(world: RolloutWorld) -> tuple[str, str]:
    found = next(one for one in world.status.conditions if one.type == "Underpowered")
    return found.status, found.reason


def test_without_a_max_duration_no_decision_is_promised_in_time() -> None:
    world = adopted()
    world.users_per_hour = 30
    world.candidate("new")
    world.run(lambda w: bool(w.status.evidence) and w.status.evidence[0].eta is not None, timedelta(days=2))
    assert condition(world) == ("Unknown", "NoMaxDuration")
    world.users_per_hour = 3000
    world.run(lambda w: condition(w)[1] != "NoMaxDuration", timedelta(days=5))
    assert condition(world) == ("False", "EnoughPower")


def test_where_nobody_comes_it_is_not_known_when_a_decision_will() -> None:
    steps = [{"setWeight": 50, "hold": "1h", "maxDuration": "90h"}, {"setWeight": 100}]
    world = adopted(steps=steps)
    world.users_per_hour = 0
    world.candidate("new")
    world.run(at_step(1), HOUR)
    world.stay(4 * HOUR)
    assert world.status.verdict == "NoData"
    assert condition(world) == ("Unknown", "RateUnknown")
    world.users_per_hour = 400
    world.run(lambda w: w.status.verdict == "Inconclusive", timedelta(days=1))
    assert condition(world) == ("False", "EnoughPower")


def http_route(world: RolloutWorld, weights: tuple[int, int]) -> dict[str, Any]:
    revisions = {"candidate": live(world).revision, "stable": world.revision("old")}
    backends = [
        {
            "name": f"facts-{revision}",
            "port": 80,
            "weight": weight,
            "filters": marked([], Mark("uid-1", arm, revision, 1, 1)),
        }
        for (arm, revision), weight in zip(revisions.items(), weights, strict=True)
    ]
    rules = [{"name": "other"}, {"name": "infer", "backendRefs": backends}]
    return {"metadata": {"name": "facts", "generation": 1}, "spec": {"rules": rules}, "status": {}}


def target_of(world: RolloutWorld, weights: tuple[int, int], *, gateway: bool = True) -> EvidenceTarget:
    found = evidence_target(world.rollout, "uid-1", "demo", http_route(world, weights), gateway=gateway)
    assert found is not None
    assert found.arms is not None
    return found


def test_what_is_asked_reaches_back_to_the_step_and_names_the_arms_with_traffic() -> None:
    world = adopted()
    world.candidate("new")
    world.run(at_step(1), HOUR)
    world.stay(5 * HOUR)
    found = target_of(world, (10, 90))
    assert found.since == live(world).step_started_at
    assert dict(found.arms.arms) == {
        "candidate": ("httproute/demo/facts/rule/1/backend/0",),
        "stable": ("httproute/demo/facts/rule/1/backend/1",),
    }
    assert found.arms.serving == {"candidate", "stable"}
    assert target_of(world, (999_999, 1)).arms.serving == {"candidate"}
    assert target_of(world, (10, 90), gateway=False).arms.serving == {"candidate"}
