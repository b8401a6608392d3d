"""After promotion: the new stable is still judged, and one that turns out harmful goes back to the old one, which is
still there.
"""

from pawl.durations import parse_duration
from pawl.verdicts import Judgement
from pawl_operator.kinds.rollout import clock, leaving
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.drift import Sight, brake_message, correct, look
from pawl_operator.kinds.rollout.judging import consider
from pawl_operator.kinds.rollout.pinning import keep_policy
from pawl_operator.kinds.rollout.promotion import finish_bake
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.requests import bake_ended
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.kinds.rollout.versions import candidate_of


def bake(draft: Draft, route: RouteState) -> None:
    """One pass over a release that bakes. A newer candidate waits; action Promote ends the bake, Abort goes back."""
    # No error in judging may stand between a person's word and the way back.
    if leaving.abandoned(draft, route):
        return
    judgement = consider(draft)
    if leaving.failed(draft, route, judgement):
        return
    keep_policy(draft)
    sight = look(draft, route)
    if sight is Sight.ROLLED_BACK:
        leaving.resumed(draft, route)
        return
    correct(draft, route, sight)
    clock.run(draft, sight, judgement)
    release = draft.release
    draft.wake(release.bake_until)
    draft.wake(parse_duration(release.plan.analysis.interval))
    over = release.bake_until is not None and draft.now >= release.bake_until and release.clock_stopped_at is None
    if release.paused == "Brake":
        draft.say(Reason.BRAKED, brake_message(draft))
    elif sight is Sight.VERIFIED and (over or bake_ended(draft)):
        finish_bake(draft)
    else:
        _explain(draft, judgement)


def _explain(draft: Draft, judgement: Judgement) -> None:
    release, newer = draft.release, candidate_of(draft.spec)
    until = f"{release.bake_until:%Y-%m-%d %H:%M:%S}" if release.bake_until is not None else "?"
    if newer is not None and newer.revision != release.revision:
        message = (
            f"candidate {newer.revision} waits for the bake of {release.revision} until {until}; "
            f"action Promote with release {release.number} ends it"
        )
        draft.say(Reason.WAITING_FOR_BAKE, message)
    else:
        draft.say(Reason.BAKING, f"revision {release.revision} is stable and bakes until {until}; {judgement.message}")
