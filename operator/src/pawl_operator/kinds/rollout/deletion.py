"""A deleted Rollout with a release on its way: back to stable, verified, then it may go; never longer than five
minutes.
"""

from datetime import timedelta

from pawl_operator.kinds.rollout.actions import (
    FINALIZER,
    DeleteWorkload,
    EnsureWorkload,
    ReleaseClaim,
    RemoveFinalizer,
)
from pawl_operator.kinds.rollout.conditions import wake_for_route
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.resting import keep_alone
from pawl_operator.kinds.rollout.route_target import alone, matches, serves_stable_only
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.kinds.rollout.trial import conduct
from pawl_operator.kinds.rollout.upkeep import keep_stable, outlives, restore_stable

PATIENCE = timedelta(minutes=5)
"""A gateway that does not answer must not block the deletion of a namespace."""


def depart(draft: Draft) -> None:
    """Hand the route back to stable, then drop the finalizer."""
    if FINALIZER not in draft.seen.finalizers:
        draft.say(Reason.DELETED, "the Rollout is being deleted")
        return
    route, release = draft.seen.route, draft.live
    nothing_to_do = release is None and draft.status.trial is None
    if nothing_to_do or route is None or draft.status.stable is None or not draft.seen.claim.held:
        _go(draft)
        return
    keep_stable(draft)
    restore_stable(draft)
    waits_for = _end_trial(draft, route) if release is None else _hand_back(draft, route) or _hand_over(draft)
    if not waits_for:
        _go(draft)
        return
    wake_for_route(draft)
    draft.say(Reason.DELETED, f"deleted: waiting until {waits_for}")
    if draft.now - (draft.seen.deleting_since or draft.now) >= PATIENCE:
        message = f"five minutes after the deletion it is still to be seen that {waits_for}: letting go"
        draft.event("Warning", Reason.DELETION_TIMED_OUT, message)
        _go(draft)


def _hand_back(draft: Draft, route: RouteState) -> str:
    """Send all traffic to stable; return what is still to come, empty when the gateway has confirmed it."""
    revision, wanted = draft.stable.revision, alone(draft)
    if not matches(route, wanted):
        draft.act(wanted)
    elif serves_stable_only(route, revision):
        return ""
    return f"the route is verified at stable {revision}"


def _end_trial(draft: Draft, route: RouteState) -> str:
    """Take an Experiment's users back to stable; return what is still to come."""
    keep_alone(draft, route)
    conduct(draft, route, release_waits=False)
    return f"no user is led away from stable {draft.stable.revision}" if draft.status.trial is not None else ""


def _hand_over(draft: Draft) -> str:
    """Leave what shall outlive the Rollout without an owner, and nothing else; return what is still to come.

    Garbage collection would take a stable workload that still names the Rollout, with all traffic on it.
    """
    if not outlives(draft) or draft.spec.services is not None:
        return ""
    have, asked = draft.seen.workloads.get(draft.stable.revision), [type(action) for action in draft.actions]
    if have is not None and have.owned and EnsureWorkload in asked:
        return f"stable {draft.stable.revision} has no owner any more"
    before = draft.seen.workloads.get(draft.previous.revision)
    if draft.release.state == "Baking" and before is not None and before.exists:
        # What was stable before is owned by nobody any more; it would stay for ever.
        draft.act(DeleteWorkload(draft.previous.revision))
        return f"the old revision {draft.previous.revision} is gone"
    return ""


def _go(draft: Draft) -> None:
    draft.act(ReleaseClaim())
    draft.act(RemoveFinalizer())
    draft.say(Reason.DELETED, "the Rollout is being deleted")
