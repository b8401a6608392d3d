"""What to do about one Rollout: a pure function of what was seen and the time. Nothing here waits, reads or writes.

deleted           hand the route back, drop the finalizer                 deletion
claim not held    take it, or leave everything alone                      here
no stable yet     adopt spec.initialStable, or what the route tells       adoption
no release        keep the route at stable, start release N+1             idle
an Experiment     gives its users their arms, and takes them back         trial
Preparing         wait until the candidate is ready                       release
Progressing       judge, then intent, route, verified, hold               release
Baking            the candidate is stable, the old one still there        baking
RollingBack       route to stable until verified                          rollback
"""

from datetime import datetime, timedelta

from pawl_operator.kinds.rollout.actions import FINALIZER, Plan, RemoveFinalizer, TakeClaim
from pawl_operator.kinds.rollout.adoption import adopt
from pawl_operator.kinds.rollout.baking import bake
from pawl_operator.kinds.rollout.deletion import depart
from pawl_operator.kinds.rollout.draft import SOON, Draft
from pawl_operator.kinds.rollout.idle import idle
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.release import prepare, progress
from pawl_operator.kinds.rollout.requests import note
from pawl_operator.kinds.rollout.rollback import go_on
from pawl_operator.kinds.rollout.snapshot import RolloutSnapshot, RouteState
from pawl_operator.kinds.rollout.summary import sum_up
from pawl_operator.kinds.rollout.upkeep import keep_stable

_CLAIM_RETRY = timedelta(seconds=10)


def decide(seen: RolloutSnapshot, now: datetime) -> Plan:
    """Return actions, the next status, events and the next wake-up. ``now`` is aware, in any zone.

    The same snapshot and time always give the same plan; a plan that was carried out gives, seen again, an empty one
    until something changes or its wake-up time comes.
    """
    draft = Draft(seen, now, seen.rollout.status)
    if seen.deleting:
        depart(draft)
    else:
        route = _admit(draft)
        if route is not None:
            _advance(draft, route)
    sum_up(draft)
    return draft.plan()


def _admit(draft: Draft) -> RouteState | None:
    """Return the route if this Rollout may write it; otherwise say why not."""
    seen = draft.seen
    if draft.spec.flag is not None:
        draft.refuse(
            Reason.FLAG_NOT_SUPPORTED, "spec.flag needs the assigner, which is not there yet: use spec.routeRef"
        )
        return None
    if not seen.claim.held:
        draft.wake(_CLAIM_RETRY)
        if seen.claim.holder is not None:
            draft.refuse(Reason.ROUTE_CLAIMED, f"{seen.claim.holder} owns this rule: delete it, or use another rule")
            return None
        draft.act(TakeClaim())
        draft.wake(SOON)
        draft.say(Reason.CLAIMING, "claiming the rule")
        return None
    if seen.route is None:
        reference = draft.spec.route_ref
        named = f"{reference.name}, rule {reference.rule_name}" if reference is not None else "?"
        draft.refuse(Reason.ROUTE_NOT_FOUND, f"HTTPRoute {named} is not there: create it, or name the rule")
        return None
    return seen.route


def _advance(draft: Draft, route: RouteState) -> None:
    if draft.status.stable is None:
        adopt(draft, route)
        return
    note(draft)
    keep_stable(draft)
    release = draft.live
    if release is None:
        idle(draft, route)
        if draft.live is None and draft.status.trial is None and FINALIZER in draft.seen.finalizers:
            draft.act(RemoveFinalizer())
        return
    match release.state:
        case "Preparing":
            prepare(draft, route)
        case "Progressing":
            progress(draft, route)
        case "Baking":
            bake(draft, route)
        case _:
            go_on(draft, route)
