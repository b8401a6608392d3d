"""A release on its way up: preparing, then step by step. Intent to status, then the route, then verified, then the
clock.

Every pass does at most one of these, so that a crash between any two is continued by the next pass:
    1  status says step, weight and opId                       (traffic unchanged)
    2  the route differs from that: patch it                   (status unchanged)
    3  the route is as wanted and the gateways agree: verified, the hold begins
"""

from pawl.durations import parse_duration
from pawl.verdicts import Judgement
from pawl_operator.kinds.rollout import clock, leaving
from pawl_operator.kinds.rollout.actions import FINALIZER, AddFinalizer
from pawl_operator.kinds.rollout.draft import LATER, Draft
from pawl_operator.kinds.rollout.drift import Sight, brake_message, correct, look
from pawl_operator.kinds.rollout.intent import intend
from pawl_operator.kinds.rollout.judging import consider
from pawl_operator.kinds.rollout.pinning import keep_policy, policy_settled
from pawl_operator.kinds.rollout.promotion import promote
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.requests import approved, promoting
from pawl_operator.kinds.rollout.resting import keep_alone, settled
from pawl_operator.kinds.rollout.rollback import Cause, roll_back
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.kinds.rollout.start import fall_back
from pawl_operator.kinds.rollout.upkeep import keep_candidate, match_stable, ready, remove_leftovers


def prepare(draft: Draft, route: RouteState) -> None:
    """Wait until the candidate is ready, with a deadline, then begin with step 1."""
    release = draft.release
    if leaving.abandoned(draft, route) or leaving.replaced(draft, route):
        return
    keep_candidate(draft)
    keep_alone(draft, route)
    # Of the release before, should the pass that began this one have been cut short.
    remove_leftovers(draft, route)
    keep_policy(draft)
    fall_back(draft)
    held = FINALIZER in draft.seen.finalizers
    if not held:
        draft.act(AddFinalizer())
    draft.wake(release.ready_deadline)
    if ready(draft.seen.workloads.get(release.revision)):
        draft.say(Reason.PREPARING, f"release {release.number}: candidate {release.revision} is ready")
        if held and policy_settled(draft) and clock.may_raise(draft, route):
            if settled(draft, route):
                intend(draft, 1)
            else:
                draft.say(Reason.PREPARING, f"release {release.number} waits until the gateway has settled")
        return
    draft.say(Reason.PREPARING, f"release {release.number}: candidate {release.revision} is getting ready")
    if release.ready_deadline is not None and draft.now >= release.ready_deadline:
        message = f"candidate {release.revision} was not ready within {draft.spec.progress_deadline}: rolling back"
        roll_back(draft, route, Cause(Reason.NOT_READY, message, t1=draft.now))


def progress(draft: Draft, route: RouteState) -> None:
    """One pass over a release that has traffic, or is about to get some."""
    # No error in judging may stand between a person's word and the way back.
    if leaving.abandoned(draft, route) or leaving.replaced(draft, route):
        return
    judgement = consider(draft)
    if leaving.failed(draft, route, judgement):
        return
    keep_candidate(draft)
    keep_policy(draft)
    sight = look(draft, route)
    if sight is Sight.ROLLED_BACK:
        leaving.resumed(draft, route)
        return
    correct(draft, route, sight)
    clock.run(draft, sight, judgement)
    match_stable(draft)
    draft.wake(parse_duration(draft.release.plan.analysis.interval))
    _go_on(draft, route, sight, judgement)


def _go_on(draft: Draft, route: RouteState, sight: Sight, judgement: Judgement) -> None:
    release = draft.release
    draft.wake(release.hold_until)
    draft.wake(release.step_deadline)
    if release.paused == "Brake":
        draft.say(Reason.BRAKED, brake_message(draft))
    elif release.step_started_at is None:
        weight = draft.status.traffic.desired
        draft.say(Reason.SHIFTING, f"release {release.number}, step {release.step}: shifting to {weight} percent")
    elif sight is not Sight.VERIFIED:
        draft.say(Reason.NOT_PROGRAMMED, f"release {release.number} waits until the route is as asked")
    elif not clock.hold_over(draft):
        hold = f"{release.hold_until:%Y-%m-%d %H:%M:%S}" if release.hold_until is not None else "?"
        step = f"step {release.step} of {release.total_steps}"
        draft.say(Reason.HOLDING, f"{step} holds until {hold}; {judgement.message}")
    elif judgement.verdict == "Pass" or (promoting(draft) and judgement.verdict != "Unavailable"):
        _raise(draft, route)
    else:
        _wait_for_evidence(draft, route, judgement)


def _raise(draft: Draft, route: RouteState) -> None:
    release = draft.release
    if release.plan.steps[release.step - 1].pause and not promoting(draft) and not approved(draft):
        message = f"step {release.step} waits for action Approve with release {release.number}"
        draft.say(Reason.AWAITING_APPROVAL, message)
        if release.paused is None:
            draft.set_release(paused="Gate")
            draft.event("Normal", Reason.AWAITING_APPROVAL, message)
    elif not ready(draft.seen.workloads.get(release.revision)):
        draft.say(Reason.AWAITING_READINESS, f"step {release.step} waits: not every pod of the candidate is ready")
        draft.wake(LATER)
    elif clock.may_raise(draft, route):
        if release.step == release.total_steps:
            promote(draft)
        else:
            intend(draft, release.total_steps if promoting(draft) else release.step + 1)


def _wait_for_evidence(draft: Draft, route: RouteState, judgement: Judgement) -> None:
    release = draft.release
    # While the clock stands, the deadline will move with it.
    if release.step_deadline is None or draft.now < release.step_deadline or release.clock_stopped_at is not None:
        draft.say(Reason.AWAITING_EVIDENCE, f"step {release.step} of {release.total_steps}: {judgement.message}")
        return
    message = f"step {release.step} reached its maxDuration without a decision ({judgement.message})"
    if release.plan.analysis.on_stall == "Rollback":
        roll_back(draft, route, Cause(Reason.STALLED, f"{message}: rolling back", t1=draft.now))
    else:
        draft.say(Reason.STALLED, f"{message}; onStall is Hold: action Promote or Abort decides")
