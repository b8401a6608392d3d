"""The clocks of a release: when a step's hold begins, when it stands still, and when a step may be raised at all.

Ends are absolute times in the status. A clock that jumps back only makes a hold longer.
"""

from datetime import datetime

from pawl.durations import parse_duration
from pawl.schedule import next_firing, parse_cron, window_open, zone_of
from pawl.verdicts import Judgement
from pawl_operator.kinds.rollout.conditions import wake_for_route
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.drift import Sight
from pawl_operator.kinds.rollout.judging import last_good
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.requests import promoting
from pawl_operator.kinds.rollout.snapshot import RouteState


def run(draft: Draft, sight: Sight, judgement: Judgement) -> None:
    """Start the hold when the weight is verified; stop it while nothing can be trusted, and add the gap afterwards."""
    release = draft.release
    if release.step_started_at is None:
        if sight is Sight.VERIFIED and draft.status.traffic.op_id:
            _begin_step(draft)
        return
    if sight is Sight.VERIFIED:
        draft.set_traffic(verified=draft.status.traffic.desired, op_id="")
    running = sight is Sight.VERIFIED and judgement.verdict != "Unavailable"
    if not running and release.clock_stopped_at is None:
        since = last_good(draft) if judgement.verdict == "Unavailable" else draft.now
        draft.set_release(clock_stopped_at=max(since, release.step_started_at))
    elif running and release.clock_stopped_at is not None:
        _add_gap(draft)


def hold_over(draft: Draft) -> bool:
    """Return whether the step's hold has passed, or a person asked to skip it."""
    release = draft.release
    if promoting(draft):
        return True
    return release.hold_until is not None and draft.now >= release.hold_until and release.clock_stopped_at is None


def may_raise(draft: Draft, route: RouteState) -> bool:
    """Return whether the spec and the wall clock allow a step up; says why not.

    While route and gateways disagree nothing is raised either: the candidate would get its share on top of an unknown
    one.
    """
    number = draft.release.number
    if draft.spec.suspend:
        draft.say(Reason.SUSPENDED, f"release {number} is suspended; rollback stays possible")
        return False
    if not route.programmed:
        wake_for_route(draft)
        draft.say(Reason.NOT_PROGRAMMED, f"release {number} waits until the gateway confirms the route")
        return False
    windows = [(window, parse_duration(window.duration)) for window in draft.spec.step_windows]
    if not windows or any(window_open(w.cron, w.time_zone, span, draft.now) for w, span in windows):
        return True
    openings = [next_firing(parse_cron(w.cron), zone_of(w.time_zone), draft.now) for w, _ in windows]
    opening = min((at for at in openings if at is not None), default=None)
    draft.wake(opening)
    when = f"{opening:%Y-%m-%d %H:%M} UTC" if opening is not None else "never"
    draft.say(Reason.AWAITING_WINDOW, f"release {number} waits for a step window; the next one opens: {when}")
    return False


def _begin_step(draft: Draft) -> None:
    release, desired = draft.release, draft.status.traffic.desired
    step = release.plan.steps[release.step - 1]
    deadline = draft.now + parse_duration(step.max_duration) if step.max_duration is not None else None
    hold_until = draft.now + parse_duration(step.hold)
    draft.set_release(step_started_at=draft.now, hold_until=hold_until, step_deadline=deadline)
    draft.set_traffic(verified=desired, op_id="")
    message = f"release {release.number}, step {release.step} of {release.total_steps}: {desired} percent, verified"
    draft.event("Normal", Reason.STEP_STARTED, message)


def _add_gap(draft: Draft) -> None:
    release = draft.release
    stopped = release.clock_stopped_at or draft.now
    gap = draft.now - stopped
    names = ("hold_until", "step_deadline", "bake_until")
    ends: dict[str, datetime | None] = {name: getattr(release, name) for name in names}
    # What was over before the gap stays over; a clock that went back gives nothing away.
    later = {name: end + gap for name, end in ends.items() if end is not None and stopped < min(end, draft.now)}
    draft.set_release(clock_stopped_at=None, **later)
