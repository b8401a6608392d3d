"""What our rule of the route shall look like for a given status, and whether it does. The route is an output, never a
memory.

Outside a release the rule carries stable alone, in both places, marked with the number of the last release and step 0:
should the status be lost, the route still tells that releases took place. A rollback keeps both arms in their order
with weight 0, so that pinned users all move at once and nobody meets a backend that is just being removed.

A candidate that has had everything for a while reads 100 : 0, and the second place is cold (ADR 0013). From there
stable comes back in the first place, in one change and at once; only when the second place has warmed up does all
traffic move to it, so that the next candidate can have the first. The candidate's pods stay until then.
"""

from datetime import timedelta
from fractions import Fraction

from pawl.api.rollout_status import RolloutStatus
from pawl_operator.kinds.rollout.actions import PatchRoute
from pawl_operator.kinds.rollout.conditions import verified_for
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.snapshot import CANDIDATE, STABLE, RouteBackend, RouteState
from pawl_operator.kinds.rollout.versions import backend

SETTLING = timedelta(seconds=5)
"""How long a gateway gets to serve a change for certain, before another one relies on it."""
FULL = 100
_ROUNDING = Fraction(1, 2)


def target(draft: Draft) -> PatchRoute:
    """Return what the route shall be, by status; how that is written depends on which places are warm."""
    release = draft.live
    if release is None or release.state == "Preparing":
        return alone(draft)
    if release.state == "RollingBack":
        route = draft.seen.route
        warm = route is not None and on_route(route, release.revision) and not route.cold_second
        return both(draft, 0) if warm else alone(draft)
    return both(draft, draft.status.traffic.desired)


def alone(draft: Draft) -> PatchRoute:
    """Return the route with stable as its only backend."""
    number = last_number(draft.status)
    if draft.live is not None and draft.live.state == "Preparing":
        number -= 1
    return PatchRoute(
        candidate=None,
        stable=backend(draft.stable.revision, draft.stable.service),
        weight=FULL if _first_leads(draft) else 0,
        release=max(number, 0),
        step=0,
    )


def _first_leads(draft: Draft) -> bool:
    """Return whether the first place shall have the traffic that goes to stable alone: the second one is cold, or was
    until a moment ago.
    """
    route, live = draft.seen.route, draft.live
    if route is None:
        return False
    going = live is not None and live.state != "Preparing"
    led = route.leads and route.ours[0].service == draft.stable.service
    return route.cold_second or (led and (going or verified_for(draft) < SETTLING))


def both(draft: Draft, weight: int) -> PatchRoute:
    """Return the route with both arms of the release; weight 0 belongs to no step, unless somebody braked to 0."""
    release, previous = draft.release, draft.previous
    rolling_back = release.state == "RollingBack"
    pairing = release.plan.analysis.pairing
    mirrored = pairing.mode == "Mirror" and not rolling_back
    return PatchRoute(
        candidate=backend(release.revision, release.service),
        stable=backend(previous.revision, previous.service),
        weight=weight,
        release=release.number,
        step=0 if rolling_back else release.step,
        mirror_percent=pairing.percent if mirrored else 0,
        plain=weight == FULL and (_is_plain(draft.seen.route) or verified_for(draft) >= SETTLING),
    )


def _is_plain(route: RouteState | None) -> bool:
    # What has gone cold stays so until stable comes back in the first place.
    return route is not None and route.cold_second


def last_number(status: RolloutStatus) -> int:
    """Return the highest release number that the status knows of; 0 before the first release."""
    known = [status.release.number if status.release is not None else 0]
    known += [status.stable.release] if status.stable is not None else []
    known += [entry.release for entry in status.rejected]
    known += [entry.release for entry in status.history]
    return max(known)


def step_weight(draft: Draft, step: int) -> int:
    """Return the candidate's share in a step of the frozen plan."""
    return draft.release.plan.weight_of(step)


def matches(route: RouteState, wanted: PatchRoute) -> bool:
    """Return whether our part of the rule is as wanted: arms, order, marks, shares and mirrors."""
    arms = [(STABLE, wanted.stable)]
    if wanted.candidate is not None:
        arms.insert(0, (CANDIDATE, wanted.candidate))
    if len(route.ours) != len(arms):
        return False
    marked = all(
        (have.own_mark, have.arm, have.service, have.revision, have.release, have.step)
        == (True, arm, want.service, want.revision, wanted.release, wanted.step)
        for have, (arm, want) in zip(route.ours, arms, strict=True)
    )
    return marked and _shares_match(route, wanted) and _mirrors_match(route, wanted)


def on_route(route: RouteState, revision: str) -> bool:
    """Return whether a revision is among our backends, whatever its weight."""
    return any(entry.revision == revision for entry in route.ours)


def serves_stable_only(route: RouteState, revision: str) -> bool:
    """Return whether all of our traffic goes to one revision and the gateways know it."""
    return route.programmed and route.candidate_share(revision) == FULL


def _shares_match(route: RouteState, wanted: PatchRoute) -> bool:
    if wanted.candidate is None:
        cold = route.cold_first or route.cold_second
        return route.ours[0].weight > 0 and route.leads == (wanted.weight == FULL) and not cold
    share = _share(route.ours[0], route)
    if wanted.weight in (0, FULL):
        return share == wanted.weight
    # Among strangers' weights ours are scaled and rounded.
    return abs(share - wanted.weight) < _ROUNDING


def _share(entry: RouteBackend, route: RouteState) -> Fraction:
    total = sum(other.weight for other in route.ours)
    return Fraction(100 * entry.weight, total) if total else Fraction(-1)


def _mirrors_match(route: RouteState, wanted: PatchRoute) -> bool:
    have = sorted((mirror.service, mirror.percent) for mirror in route.mirrors)
    if wanted.mirror_percent == 0 or wanted.candidate is None:
        return not have
    arms = (wanted.candidate.service, wanted.stable.service)
    return have == sorted((service, wanted.mirror_percent) for service in arms)
