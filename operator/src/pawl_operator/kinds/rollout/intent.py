"""The first of a step's three passes: step and weight are written down; traffic follows in the next pass, never in
this one.
"""

from pawl.api.rollout_status import Holder
from pawl_operator.kinds.rollout.conditions import set_condition
from pawl_operator.kinds.rollout.draft import SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import step_weight


def intend(draft: Draft, step: int) -> None:
    """Write down the next step of the release; its clocks start when the weight is verified."""
    release, weight = draft.release, step_weight(draft, step)
    draft.set_release(
        state="Progressing",
        step=step,
        step_started_at=None,
        hold_until=None,
        step_deadline=None,
        clock_stopped_at=None,
        paused=None,
    )
    _ask(draft, weight)
    draft.say(
        Reason.SHIFTING, f"release {release.number} goes to step {step} of {release.total_steps}: {weight} percent"
    )


def resume(draft: Draft) -> None:
    """Take a braked release back to the weight of its step; a step's hold begins anew, a bake goes on."""
    if draft.release.state == "Baking":
        draft.set_release(paused=None)
        _ask(draft, step_weight(draft, draft.release.step))
    else:
        intend(draft, draft.release.step)


def _ask(draft: Draft, weight: int) -> None:
    holder = draft.status.traffic.holder
    if holder is None:
        holder = Holder(kind="Rollout", name=draft.name, uid=draft.seen.uid, since=draft.now)
    set_condition(draft, "TrafficVerified", "False", Reason.SHIFTING, "the route is about to be changed")
    draft.set_traffic(desired=weight, op_id=f"{draft.release.number}-{draft.release.step}", holder=holder)
    draft.wake(SOON)
