"""Who stays in an arm: the header is frozen with the release, and a gateway that refuses is believed."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from rollout_world import RolloutWorld, adopted

from pawl_operator.assigners import Assigners
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.observe import Observer, wanted_policy
from pawl_operator.kube.resources import TRAFFIC_POLICIES
from pawl_operator.store import ObjectStore
from pawl_operator.traffic.sticky import refusal

DAY = timedelta(days=1)
REFUSED = "Conflicted: an older policy has the rule"


def condition(world: RolloutWorld) -> tuple[str, str] | None:
    return next(((c.status, c.reason) for c in world.status.conditions if c.type == "UsersPinned"), None)


def under_way(world: RolloutWorld) -> RolloutWorld:
    world.candidate("new")
    world.run(lambda w: w.status.release.step == 1 and w.status.release.step_started_at is not None, 10 * DAY)
    return world


def test_an_edit_of_the_header_in_mid_step_moves_nobody_and_counts_for_the_next_release() -> None:
    world = under_way(adopted())
    world.edit(stickiness={"unit": "User", "header": "x-account"})
    world.plans.clear()
    world.stay(timedelta(hours=2))
    assert world.policy == "x-user-id"
    assert not any(isinstance(a, act.EnsureStickyPolicy) for p in world.plans for a in p.actions)
    world.run(lambda w: w.status.release.state == "Promoted" and w.status.phase == "Healthy", 20 * DAY)
    world.settle()
    assert world.policy == "x-account"
    world.candidate("newer")
    world.run(lambda w: w.status.release.number == 2, timedelta(hours=1))
    assert world.status.release.sticky_header == "x-account"


def test_a_release_from_before_the_header_was_frozen_follows_the_spec() -> None:
    world = under_way(adopted())
    release = world.status.release.model_copy(update={"sticky_header": ""})
    world.status = world.status.model_copy(update={"release": release})
    world.edit(stickiness={"unit": "User", "header": "x-account"})
    world.settle()
    assert world.policy == "x-account"


def test_a_policy_that_the_gateway_refuses_is_said_and_the_next_release_goes_by_request() -> None:
    world = adopted()
    world.policy_answer = REFUSED
    world.stay(timedelta(minutes=1))
    assert condition(world) == ("False", "PolicyRefused")
    assert world.policy is not None, "it stays, so that the gateway can change its mind"
    world.edit(stickiness={"unit": "Request"})
    world.settle()
    assert (world.policy, condition(world)) == (None, None), "who asks for no pinning is not told of it"
    world.edit(stickiness={"unit": "User"})
    world.stay(timedelta(minutes=1))
    under_way(world)
    begun = [plan.status.release.plan.mode for plan in world.plans if plan.status.release is not None]
    assert set(begun) == {world.status.traffic.mode} == {"RequestWeights"}
    assert condition(world) == ("False", "PolicyRefused")


def test_a_refusal_that_comes_before_anybody_has_traffic_changes_the_plan_with_its_hash() -> None:
    world = adopted()
    world.candidate("new")
    world.settle()
    assert world.status.release.plan.mode == "HashedBucket"
    frozen = world.status.release.plan_hash
    world.policy_answer = REFUSED
    world.run(lambda w: w.candidate_weight == 10, timedelta(hours=1))
    assert world.status.traffic.mode == world.status.release.plan.mode == "RequestWeights"
    assert world.status.release.plan_hash != frozen
    assert world.policy is None, "a policy that is accepted later would move users in the middle of a step"


def test_a_refusal_in_mid_step_is_said_and_the_plan_stays() -> None:
    world = under_way(adopted())
    world.policy_answer = REFUSED
    world.stay(timedelta(minutes=5))
    assert condition(world) == ("False", "PolicyRefused")
    assert world.status.release.plan.mode == "HashedBucket"
    world.policy_answer = ""
    world.stay(timedelta(hours=2))
    assert condition(world) == ("True", "UsersPinned")


@pytest.mark.parametrize("answer", [None, ""])
def test_a_gateway_that_says_nothing_or_accepts_is_no_news(answer: str | None) -> None:
    world = adopted()
    world.policy_answer = answer
    under_way(world)
    assert condition(world) is None
    assert world.status.traffic.mode == "HashedBucket"


def ancestor(status: str, reason: str, generation: int | None = 2) -> dict[str, object]:
    accepted = {"type": "Accepted", "status": status, "reason": reason, "message": "so it is"}
    if generation is not None:
        accepted |= {"observedGeneration": generation}
    return {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller", "conditions": [accepted]}


@pytest.mark.parametrize(
    ("ancestors", "said"),
    [
        ([], None),
        ([{"controllerName": "x"}], None),
        ([ancestor("True", "Accepted")], ""),
        ([ancestor("True", "Accepted", None)], ""),
        ([ancestor("False", "Conflicted")], "Conflicted: so it is"),
        ([ancestor("True", "Accepted"), ancestor("False", "Invalid")], "Invalid: so it is"),
        ([ancestor("False", "Conflicted", 1)], None),
        ([ancestor("False", "Conflicted", 1), ancestor("True", "Accepted")], ""),
    ],
)
def test_what_the_gateways_say_about_a_policy(ancestors: list[object], said: str | None) -> None:
    assert refusal({"metadata": {"generation": 2}, "status": {"ancestors": ancestors}}) == said
    assert refusal({"metadata": {"generation": 2}}) is refusal(None) is None


async def test_the_observer_looks_for_the_frozen_header_and_at_what_the_gateway_says() -> None:
    world = under_way(adopted())
    world.edit(stickiness={"unit": "User", "header": "x-account"})
    store = ObjectStore()
    policy = wanted_policy(world.rollout, "demo", "x-user-id")
    policy["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 2}
    store.put(TRAFFIC_POLICIES, policy | {"status": {"ancestors": [ancestor("False", "Conflicted")]}})
    unknown = SimpleNamespace(
        about=lambda _: SimpleNamespace(release=None, gateway=None, fresh_at=None, clock_skew=timedelta(0)),
        max_age=timedelta(seconds=45),
    )
    assigners = Assigners(None, None)  # type: ignore[arg-type]
    observer = Observer(store, unknown, None, lambda: frozenset(), "Gateway", assigners)  # type: ignore[arg-type]
    wire = {"metadata": {"name": "facts", "namespace": "demo", "uid": "uid-1"}, "spec": world.wire}
    seen = await observer.observe(wire | {"status": world.status.to_wire()})
    assert (seen.sticky_policy, seen.sticky_refusal) == (True, "Conflicted: so it is")
    before = await observer.observe(wire)
    assert not before.sticky_policy
