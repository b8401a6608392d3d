"""Back to stable: the route first, everything else after; finished only when the gateway is seen to send all traffic
to stable.
"""

from dataclasses import dataclass
from datetime import datetime

from pawl.api.rollout_status import MAX_HISTORY, MAX_REJECTED, HistoryEntry, Outcome, Rejected, RollbackStatus
from pawl_operator.kinds.rollout.conditions import set_condition, wake_for_route
from pawl_operator.kinds.rollout.draft import SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import alone, matches, on_route, serves_stable_only, target
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.kinds.rollout.upkeep import restore_stable

_OUTCOMES: dict[Reason, Outcome] = {
    Reason.SUPERSEDED: "Superseded",
    Reason.CANDIDATE_WITHDRAWN: "Aborted",
    Reason.ABORTED: "Aborted",
}
_HARMLESS = (Reason.SUPERSEDED, Reason.CANDIDATE_WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a release goes back. ``t0``: first harm, ``t1``: first evidence that demands it; None where unknown."""

    reason: Reason
    message: str
    t0: datetime | None = None
    t1: datetime | None = None


def roll_back(draft: Draft, route: RouteState, cause: Cause) -> None:
    """Begin a rollback from any live state; repeated for a release that already rolls back, it changes nothing in
    status.
    """
    release, previous = draft.release, draft.previous
    if release.state == "RollingBack":
        return
    draft.set_release(
        state="RollingBack", cause=cause.reason, paused=None, clock_stopped_at=None, hold_until=None, step_deadline=None
    )
    # After a promotion stable had moved; the one that is still at full size becomes stable again.
    draft.set(stable=previous)
    draft.set_traffic(desired=0, op_id=f"{release.number}-back")
    set_condition(draft, "TrafficVerified", "False", Reason.ROLLING_BACK, "the route is going back to stable")
    if cause.reason not in _HARMLESS:
        _remember(draft, cause)
    if on_route(route, release.revision):
        draft.act(target(draft))
    restore_stable(draft)
    draft.say(Reason.ROLLING_BACK, cause.message)
    draft.event("Normal" if cause.reason in _HARMLESS else "Warning", cause.reason, cause.message)
    draft.wake(SOON)


def go_on(draft: Draft, route: RouteState) -> None:
    """Carry a rollback through until the route is verified at stable."""
    release, wanted = draft.release, target(draft)
    if matches(route, wanted) and route.unresolved:
        # A gateway that misses the candidate's Service never confirms a route that still names it.
        wanted = alone(draft)
    if not matches(route, wanted):
        draft.act(wanted)
    draft.say(Reason.ROLLING_BACK, f"release {release.number} is going back to stable {draft.stable.revision}")
    if matches(route, wanted) and serves_stable_only(route, draft.stable.revision):
        set_condition(draft, "TrafficVerified", "True", Reason.VERIFIED, "the gateway serves stable alone")
        _finish(draft)
    else:
        set_condition(draft, "TrafficVerified", "False", Reason.ROLLING_BACK, "the route is going back to stable")
        wake_for_route(draft)


def close(draft: Draft, outcome: Outcome, message: str) -> None:
    """End the release: state, history, traffic; the route and workloads are tidied when idle."""
    release = draft.release
    entry = HistoryEntry(
        release=release.number,
        revision=release.revision,
        digest=release.digest,
        outcome=outcome,
        started_at=release.started_at,
        finished_at=draft.now,
        cause=release.cause,
        message=message[:1024],
    )
    draft.set(history=(*draft.status.history, entry)[-MAX_HISTORY:])
    draft.set_release(state=outcome, clock_stopped_at=None, paused=None)
    draft.set_traffic(desired=0, verified=0, op_id="", holder=None)


def _finish(draft: Draft) -> None:
    release = draft.release
    cause = Reason(release.cause)
    outcome = _OUTCOMES.get(cause, "RolledBack")
    record = draft.status.rollback
    ours = record is not None and record.release == release.number
    why = record.message if record is not None and ours else f"{cause}"
    message = f"release {release.number} is back at stable {draft.stable.revision}, verified{_exposed(draft)}: {why}"
    if record is not None and ours:
        draft.set(rollback=record.model_copy(update={"t2": draft.now}))
    close(draft, outcome, why)
    reason = Reason.ROLLED_BACK if outcome == "RolledBack" else cause
    draft.say(reason, message)
    draft.event("Normal", reason, message)


def _exposed(draft: Draft) -> str:
    """Say how many people and requests met the candidate, where the monitor knows."""
    evidence = draft.seen.evidence
    if evidence is None or evidence.release != draft.release.number or evidence.exposed_users is None:
        return ""
    return f"; {evidence.exposed_users} people and {evidence.exposed_requests or 0} requests met the candidate"


def _remember(draft: Draft, cause: Cause) -> None:
    release = draft.release
    entry = Rejected(
        revision=release.revision,
        digest=release.digest,
        release=release.number,
        reason=cause.reason,
        time=draft.now,
    )
    others = tuple(old for old in draft.status.rejected if old.revision != release.revision)
    record = RollbackStatus(
        release=release.number, cause=cause.reason, message=cause.message[:1024], t0=cause.t0, t1=cause.t1
    )
    draft.set(rejected=(*others, entry)[-MAX_REJECTED:], rollback=record)
