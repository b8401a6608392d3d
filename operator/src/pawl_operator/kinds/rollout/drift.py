"""Compare the route with the status, which is the truth, and decide what a difference means.

as wanted, gateways agree      verified; perhaps the same shares are written in another way (ADR 0013)
as wanted, gateways not yet    wait; the hold's clock stands
our change not made yet        make it
moved towards stable by hand   a brake: take it over, pause, say how to go on
moved towards the candidate    put back at once; after some times give way and report a conflict
marks, order, mirrors changed  put back likewise
our own unfinished rollback    go on with it (the step mark 0 tells it from a person's edit)
"""

from enum import Enum, auto

from pawl_operator.kinds.rollout.conditions import set_condition, verified_for, wake_for_route
from pawl_operator.kinds.rollout.draft import SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import FULL, SETTLING, matches, target
from pawl_operator.kinds.rollout.snapshot import RouteState

MOST_RESTORES = 5


class Sight(Enum):
    """What the route looks like from the status."""

    VERIFIED = auto()
    WAITING = auto()
    TO_PATCH = auto()
    BRAKED = auto()
    CHANGED = auto()
    GIVEN_UP = auto()
    ROLLED_BACK = auto()


def look(draft: Draft, route: RouteState) -> Sight:
    """Return what the route's difference from the status means; changes nothing."""
    release, traffic = draft.release, draft.status.traffic
    if matches(route, target(draft)):
        return Sight.VERIFIED if route.programmed else Sight.WAITING
    if _own_rollback(draft, route):
        return Sight.ROLLED_BACK
    pending = bool(traffic.op_id)
    share = route.candidate_share(release.revision)
    served = route.candidate_share(draft.previous.revision) > 0
    if served and share < (traffic.verified if pending else traffic.desired):
        return Sight.BRAKED
    if pending:
        return Sight.TO_PATCH
    return Sight.CHANGED if traffic.restored < MOST_RESTORES else Sight.GIVEN_UP


def correct(draft: Draft, route: RouteState, sight: Sight) -> None:
    """Act on what was seen, where it is a change of the route or a pause. Waiting needs nothing here, and verified only
    where the same shares shall be written in another way.
    """
    if sight is Sight.TO_PATCH or (sight is Sight.VERIFIED and _is_written_otherwise(draft, route)):
        draft.act(target(draft))
        draft.wake(SOON)
    elif sight is Sight.CHANGED:
        _restore(draft)
    elif sight is Sight.BRAKED:
        _brake(draft, route)
    _report(draft, route, sight)


def _is_written_otherwise(draft: Draft, route: RouteState) -> bool:
    """Return whether the right shares shall be written in another way: 100 percent as 100 : 0 (comes back when it is
    time for that), and 0 percent by a person's hand so that the candidate's place is warm.
    """
    desired = draft.status.traffic.desired
    if desired == 0:
        return route.cold_first
    if desired < FULL or not route.warmable or route.cold_second:
        return False
    draft.wake(SETTLING - verified_for(draft))
    return target(draft).plain


def _own_rollback(draft: Draft, route: RouteState) -> bool:
    release = draft.release
    marked = bool(route.ours) and all(entry.step == 0 and entry.release == release.number for entry in route.ours)
    return marked and route.candidate_share(release.revision) == 0


def _restore(draft: Draft) -> None:
    times = draft.status.traffic.restored + 1
    draft.act(target(draft))
    draft.set_traffic(restored=times)
    message = (
        f"somebody changed the route; it is put back to {draft.status.traffic.desired} percent ({times} times so far)"
    )
    draft.event("Warning", Reason.ROUTE_RESTORED, message)
    draft.wake(SOON)


def _brake(draft: Draft, route: RouteState) -> None:
    share = int(route.candidate_share(draft.release.revision))
    draft.set_traffic(desired=share, verified=min(share, draft.status.traffic.verified), op_id="")
    draft.set_release(paused="Brake")
    draft.event("Warning", Reason.BRAKED, brake_message(draft))
    draft.wake(SOON)


def brake_message(draft: Draft) -> str:
    """Return the sentence that says why a braked release stands and how it goes on."""
    number = draft.release.number
    return (
        f"somebody moved traffic towards stable by hand: release {number} is paused at "
        f"{draft.status.traffic.desired} percent; action Approve with release {number} goes on, Abort goes back"
    )


def _report(draft: Draft, route: RouteState, sight: Sight) -> None:
    verified = sight is Sight.VERIFIED
    if verified:
        set_condition(draft, "TrafficVerified", "True", Reason.VERIFIED, "the gateway serves the route as asked")
    elif sight is Sight.WAITING:
        message = f"the gateway has not confirmed the route yet {route.message}".strip()
        set_condition(draft, "TrafficVerified", "False", Reason.NOT_PROGRAMMED, message)
        wake_for_route(draft)
    else:
        set_condition(draft, "TrafficVerified", "False", Reason.SHIFTING, "the route is being changed")
    if sight is Sight.GIVEN_UP:
        message = (
            f"the route was put back {MOST_RESTORES} times and changed again: not fighting on; find out who writes it, "
            "then use action Repin"
        )
        set_condition(draft, "RouteConflict", "True", Reason.ROUTE_CONFLICT, message)
    else:
        set_condition(draft, "RouteConflict", "False", Reason.NO_CONFLICT, "nobody else writes our part of the route")
