"""A deleted Rollout with a release on its way: back to stable, verified, then it may go; never longer than five
minutes.
"""

from datetime import timedelta

from pawl_operator.kinds.rollout.actions import FINALIZER, DeleteWorkload, PatchRoute, ReleaseClaim, RemoveFinalizer
from pawl_operator.kinds.rollout.conditions import wake_for_route
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import last_number, matches, serves_stable_only
from pawl_operator.kinds.rollout.upkeep import keep_stable, outlives
from pawl_operator.kinds.rollout.versions import backend

PATIENCE = timedelta(minutes=5)
"""A gateway that does not answer must not block the deletion of a namespace."""


def depart(draft: Draft) -> None:
    """Hand the route back to stable, then drop the finalizer."""
    if FINALIZER not in draft.seen.finalizers:
        draft.say(Reason.DELETED, "the Rollout is being deleted")
        return
    route, release = draft.seen.route, draft.live
    if release is None or route is None or draft.status.stable is None or not draft.seen.claim.held:
        _go(draft)
        return
    stable = draft.stable
    keep_stable(draft)
    wanted = PatchRoute(
        None, backend(stable.revision, stable.service), weight=0, release=last_number(draft.status), step=0
    )
    if matches(route, wanted) and serves_stable_only(route, stable.revision):
        if outlives(draft) and release.state == "Baking" and draft.spec.services is None:
            # What was stable before is owned by nobody any more; it would stay for ever.
            draft.act(DeleteWorkload(draft.previous.revision))
        _go(draft)
        return
    wake_for_route(draft)
    if not matches(route, wanted):
        draft.act(wanted)
    draft.say(Reason.DELETED, f"deleted: waiting until the route is verified at stable {stable.revision}")
    since = draft.seen.deleting_since or draft.now
    if draft.now - since >= PATIENCE:
        message = "the gateway did not confirm stable within 5 minutes of the deletion: letting go"
        draft.event("Warning", Reason.DELETION_TIMED_OUT, message)
        _go(draft)


def _go(draft: Draft) -> None:
    draft.act(ReleaseClaim())
    draft.act(RemoveFinalizer())
    draft.say(Reason.DELETED, "the Rollout is being deleted")
