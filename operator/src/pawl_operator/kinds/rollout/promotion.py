"""The end of the way up: roles swap, nothing is copied; then the bake, in which the old stable stays ready at full
size.
"""

from pawl.api.rollout_status import StableStatus
from pawl.durations import parse_duration
from pawl_operator.kinds.rollout.conditions import set_condition
from pawl_operator.kinds.rollout.draft import SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.requests import bake_ended
from pawl_operator.kinds.rollout.rollback import close


def promote(draft: Draft) -> None:
    """Make the candidate stable. The route stays as it is: all traffic (or all but bake.stableShare) is there
    already.
    """
    release = draft.release
    stable = StableStatus(
        revision=release.revision,
        source=release.source,
        digest=release.digest,
        service=release.service,
        since=draft.now,
        release=release.number,
    )
    until = draft.now + parse_duration(release.plan.bake.duration)
    draft.set(stable=stable)
    draft.set_release(state="Baking", bake_until=until, hold_until=None, step_deadline=None, paused=None)
    kept = f"{draft.previous.revision} stays ready until {until:%Y-%m-%d %H:%M:%S}"
    message = f"revision {release.revision} is stable now; {kept}"
    draft.say(Reason.PROMOTED, message)
    draft.event("Normal", Reason.PROMOTED, message)
    draft.wake(SOON)


def finish_bake(draft: Draft) -> None:
    """End the bake: the release is over, and when idle the old revision leaves the route and goes."""
    release = draft.release
    early = bake_ended(draft)
    message = f"release {release.number} is finished: {release.revision} is stable"
    draft.set_release(cause=Reason.ACTION_TAKEN if early else "")
    close(draft, "Promoted", message)
    set_condition(draft, "TrafficVerified", "False", Reason.SHIFTING, "the route is being handed to stable alone")
    draft.say(Reason.RELEASE_FINISHED, message)
    draft.event("Normal", Reason.RELEASE_FINISHED, message)
    draft.wake(SOON)
