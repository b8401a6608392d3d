"""The route while no candidate has traffic: stable alone, kept so, and whether the gateway serves it."""

from pawl_operator.kinds.rollout.conditions import set_condition, truth, verified_for, wake_for_route
from pawl_operator.kinds.rollout.draft import SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import SETTLING, alone, matches, serves_stable_only
from pawl_operator.kinds.rollout.snapshot import RouteState


def keep_alone(draft: Draft, route: RouteState) -> bool:
    """Write the route where it is not stable's alone, say whether the gateway confirms it, and return that."""
    wanted = alone(draft)
    as_wanted = matches(route, wanted)
    served = as_wanted and serves_stable_only(route, draft.stable.revision)
    if not as_wanted:
        draft.act(wanted)
        draft.wake(SOON)
    elif not served:
        wake_for_route(draft)
    elif route.leads:
        draft.wake(SETTLING - verified_for(draft))
    set_condition(
        draft,
        "TrafficVerified",
        truth(served),
        Reason.VERIFIED if served else Reason.NOT_PROGRAMMED,
        "the gateway serves stable alone" if served else f"waiting for the gateway {route.message}".strip(),
    )
    return served


def settled(draft: Draft, route: RouteState) -> bool:
    """Return whether a candidate may have the first place: stable stands in the second, and the gateway has confirmed
    that for long enough; comes back when it is time.
    """
    left = SETTLING - verified_for(draft)
    draft.wake(left)
    return not route.leads and left.total_seconds() <= 0
