"""A Rollout to which anything may happen in any order: whatever it is, some things never do."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from rollout_world import RolloutWorld, spec

from pawl.api.rollout import Rollout, RolloutAction
from pawl.api.rollout_status import RolloutStatus
from pawl_operator.kinds.rollout.actions import PatchRoute, Plan
from pawl_operator.kinds.rollout.decide import decide
from pawl_operator.kinds.rollout.draft import LIVE
from pawl_operator.kinds.rollout.versions import resolve

HOURS = st.integers(1, 30).map(lambda hours: timedelta(hours=hours))
SERVE = {"image": "server:1", "replicas": 4}
MATCH = {"serve": SERVE, "stableCapacity": "Match"}
STEPS = [{"setWeight": w, "hold": "3h", "pause": w == 50, "maxDuration": "900h"} for w in (10, 50, 100)]


class Anything(RuleBasedStateMachine):
    """One Rollout among people, outages, crashes and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.world = RolloutWorld(spec(steps=STEPS, bake={"duration": "5h"}, **MATCH), users_per_hour=30.0)
        self.world.run(lambda w: w.status.stable is not None, timedelta(hours=1))
        self.world.cold_starts.clear()
        self.lost = False
        self.checked = 0
        self.excused = False

    # What happens

    @rule(name=st.sampled_from(["new", "newer", "old"]))
    def somebody_sets_a_candidate(self, name: str) -> None:
        self.world.candidate(name)
        self.world.settle()

    @rule(good=st.sampled_from([0.9, 0.89, 0.95, 0.3]), name=st.sampled_from(["new", "newer"]))
    def a_model_is_as_good_as_it_is(self, good: float, name: str) -> None:
        self.world.accuracy[self.world.revision(name)] = good

    @rule(span=HOURS)
    def time_passes(self, span: timedelta) -> None:
        self.world.stay(span)

    @rule(name=st.sampled_from(["new", "newer"]))
    def a_model_crashes(self, name: str) -> None:
        if self.world.revision(name) in self.world.pods:
            self.world.crash(name)
            self.world.settle()

    @rule(minutes=st.integers(1, 20))
    def the_gateway_does_not_answer_for_a_while(self, minutes: int) -> None:
        self.world.gateway_up = False
        self.world.stay(timedelta(minutes=minutes))
        self.world.gateway_up = True
        self.world.settle()

    @rule(which=st.sampled_from(["prometheus_up", "monitor_up"]), up=st.booleans())
    def something_breaks_or_is_repaired(self, which: str, up: bool) -> None:
        setattr(self.world, which, up)
        self.world.settle()

    @precondition(lambda self: self.world.backends[0].arm == "candidate")
    @rule(share=st.integers(0, 100))
    def somebody_moves_traffic(self, share: int) -> None:
        self.world.shift(share)
        self.excused = True
        self.world.settle()

    @rule(verb=st.sampled_from(["Abort", "Approve", "Repin", "Retry", "Promote"]), back=st.integers(0, 1))
    def somebody_asks_for_something(self, verb: str, back: int) -> None:
        release = self.world.status.release
        self.world.action(verb, release=max(0, (release.number if release else 0) - back))
        self.world.settle()

    @rule(suspend=st.booleans())
    def somebody_suspends(self, suspend: bool) -> None:
        self.world.edit(suspend=suspend)
        self.world.settle()

    @rule(image=st.sampled_from(["server:1", "server:2"]))
    def somebody_edits_the_template(self, image: str) -> None:
        self.world.edit(serve=SERVE | {"image": image})
        self.world.settle()

    @rule(header=st.sampled_from(["x-user-id", "x-account"]))
    def somebody_edits_the_header(self, header: str) -> None:
        self.world.edit(stickiness={"unit": "User", "header": header})
        self.world.settle()

    @rule(answer=st.sampled_from([None, "", "Conflicted: an older policy has the rule"]))
    def the_gateway_answers_about_the_policy(self, answer: str | None) -> None:
        self.world.policy_answer = answer
        self.world.settle()

    @rule(which=st.integers(0, 1))
    def somebody_deletes_services(self, which: int) -> None:
        for revision in sorted(self.world.pods)[which:]:
            self.world.pods[revision].service = False
        self.world.stay(timedelta(minutes=1))

    @rule(survived=st.integers(0, 3))
    def the_operator_is_killed(self, survived: int) -> None:
        self.world.reconcile(stop_after=survived)
        self.world.advance(timedelta(seconds=20))
        self.world.settle()

    @rule(back=st.integers(1, 100))
    def the_clock_jumps_back(self, back: int) -> None:
        self.world.now -= timedelta(minutes=back)
        self.world.settle()

    # Before the first release there is nothing to lose: the object is as good as new.
    @precondition(lambda self: not self.lost and self.world.status.release is not None)
    @rule()
    def the_status_is_lost(self) -> None:
        self.world.status = RolloutStatus()
        self.lost = True
        before = self.world.backends
        shares = {b.revision: b.weight for b in before if b.weight}
        self.world.stay(timedelta(hours=20))
        assert {b.revision: b.weight for b in self.world.backends if b.weight} == shares
        self.excused = True

    # What never happens

    @invariant()
    def weight_rises_only_on_a_pass_or_by_a_persons_word(self) -> None:
        plans = self.world.plans
        for before, after in zip(plans[max(self.checked - 1, 0) :], plans[max(self.checked, 1) :], strict=False):
            was, now = before.status, after.status
            if was.release is None or now.release is None or was.release.number != now.release.number:
                continue
            if now.traffic.desired <= was.traffic.desired or now.release.state not in ("Progressing", "Baking"):
                continue
            asked = now.last_action
            by_person = asked is not None and asked.verb in ("Promote", "Approve", "Repin")
            assert now.verdict == "Pass" or by_person or was.release.state == "Preparing", (was.message, now.message)
            assert now.verdict not in ("Fail", "Unavailable") or by_person
        self.checked = len(plans)

    @invariant()
    def a_patch_never_gives_more_than_the_status_says(self) -> None:
        for plan in self.world.plans[-20:]:
            for action in plan.actions:
                if isinstance(action, PatchRoute) and action.candidate is not None:
                    assert action.weight <= plan.status.traffic.desired

    @invariant()
    def fail_is_always_a_rollback_in_the_same_pass(self) -> None:
        for plan in self.world.plans[-20:]:
            release = plan.status.release
            if plan.status.verdict == "Fail" and release is not None:
                assert release.state not in ("Progressing", "Baking", "Promoted"), plan.status.message

    @invariant()
    def rollback_is_reachable_from_every_live_state(self) -> None:
        release = self.world.status.release
        if (
            release is None
            or release.state not in ("Preparing", "Progressing", "Baking")
            or not self.world.route_exists
        ):
            return
        snapshot = self.world.snapshot()
        spec = snapshot.rollout.spec.model_copy(update={"action": _abort(release.number)})
        asked = snapshot.rollout.model_copy(update={"spec": spec})
        status = _decide(self.world, asked)
        assert status.release.state == "RollingBack"
        assert status.traffic.desired == 0

    @invariant()
    def deciding_twice_gives_the_same_and_then_rests(self) -> None:
        if self.world.gone:
            return
        first, second = (decide(self.world.snapshot(), self.world.now) for _ in range(2))
        assert first == second
        self.world.settle()
        rested = decide(self.world.snapshot(), self.world.now)
        assert rested.status == self.world.status
        assert rested.events == ()
        assert rested.actions == () or not _changes(self.world, rested)

    @invariant()
    def nobody_is_sent_where_the_gateway_is_not_ready_for_it(self) -> None:
        # Where a person wrote the weights, it may well have been.
        assert self.excused or self.world.cold_starts == []

    @invariant()
    def stable_is_always_there_to_answer(self) -> None:
        stable = self.world.status.stable
        if stable is not None:
            assert stable.revision in self.world.pods
        release = self.world.status.release
        if release is not None and release.state in LIVE and release.previous is not None and not self.lost:
            assert release.previous.revision in self.world.pods

    @invariant()
    def stable_is_small_only_while_another_has_its_traffic(self) -> None:
        stable, release = self.world.status.stable, self.world.status.release
        if stable is None or (release is not None and release.state in ("Progressing", "Baking")):
            return
        assert self.world.pods[stable.revision].replicas == 4

    @invariant()
    def nobody_is_hashed_anew_while_there_are_two_arms(self) -> None:
        release = self.world.status.release
        if release is not None and release.state in ("Progressing", "Baking") and release.plan.mode == "HashedBucket":
            assert self.world.policy == release.sticky_header

    @invariant()
    def healthy_is_said_only_where_nothing_is_wrong(self) -> None:
        status, candidate = self.world.status, self.world.rollout.spec.candidate
        if status.phase == "Healthy":
            assert status.release is None or status.release.state not in LIVE
            refused = [entry.revision for entry in status.rejected]
            assert candidate is None or resolve(self.world.rollout.spec, candidate).revision not in refused


def _abort(number: int) -> RolloutAction:
    return RolloutAction(verb="Abort", release=number)


def _decide(world: RolloutWorld, rollout: Rollout) -> RolloutStatus:
    status = rollout.status.model_copy(update={"last_action": None})
    seen = replace(world.snapshot(), rollout=rollout.model_copy(update={"status": status}))
    return decide(seen, world.now).status


def _changes(world: RolloutWorld, plan: Plan) -> bool:
    before = world.fingerprint()
    for action in plan.actions:
        world.carry_out(action)
    return world.fingerprint() != before
