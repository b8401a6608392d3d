"""No release on its way: keep the route at stable, begin the next one when the spec names a new candidate, or else give
the traffic to an Experiment that asks for it.
"""

from pawl_operator.kinds.rollout.draft import LATER, Draft
from pawl_operator.kinds.rollout.pinning import keep_policy
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.resting import keep_alone
from pawl_operator.kinds.rollout.route_target import alone, matches, serves_stable_only
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.kinds.rollout.start import start
from pawl_operator.kinds.rollout.trial import conduct, take_on
from pawl_operator.kinds.rollout.trial_route import sweep
from pawl_operator.kinds.rollout.upkeep import answers, ready, remove_leftovers
from pawl_operator.kinds.rollout.versions import Version, candidate_of


def idle(draft: Draft, route: RouteState) -> None:
    """Tidy up after the last release, then look for a new candidate."""
    served = keep_alone(draft, route)
    # Pods of a candidate that had all traffic stay until its going is certain.
    if served and not route.leads:
        remove_leftovers(draft, route)
    keep_policy(draft)
    _say_how_stable_is(draft, route, served=served)
    candidate = candidate_of(draft.spec)
    named = candidate is not None and candidate.revision != draft.stable.revision
    waits = named and candidate is not None and draft.rejection_of(candidate.revision) is None
    if draft.status.trial is not None:
        conduct(draft, route, release_waits=waits and not draft.spec.suspend)
    elif not sweep(draft, route):
        draft.say(Reason.TRIAL_LEAVING, "what an Experiment left on the route is being taken off")
    elif named and candidate is not None:
        _consider(draft, route, candidate)
    if draft.status.trial is None and draft.live is None and not waits and not draft.spec.suspend:
        take_on(draft, route)


def _say_how_stable_is(draft: Draft, route: RouteState, *, served: bool) -> None:
    revision = draft.stable.revision
    if not answers(draft.seen.workloads.get(revision)):
        draft.say(Reason.STABLE_NOT_READY, f"no pod of stable {revision} is ready")
    elif not served:
        draft.wake(LATER)
        message = f"the gateway has not confirmed that stable {revision} has all traffic {route.message}".strip()
        draft.say(Reason.NOT_PROGRAMMED, message)
    else:
        draft.say(Reason.STABLE, f"revision {revision} is stable and has all traffic")


def _consider(draft: Draft, route: RouteState, candidate: Version) -> None:
    refused = draft.rejection_of(candidate.revision)
    also = "" if draft.reason is Reason.STABLE else f"; {draft.message}"
    if refused is not None:
        draft.say(
            Reason.REJECTED_CANDIDATE,
            f"candidate {candidate.revision} was rejected in release {refused.release} ({refused.reason}); set another "
            f"candidate, or action Retry with release {refused.release}{also}",
        )
    elif draft.spec.suspend:
        draft.say(Reason.SUSPENDED, f"candidate {candidate.revision} waits: the Rollout is suspended{also}")
    elif matches(route, alone(draft)):
        _start_when_stable(draft, route, candidate)


def _start_when_stable(draft: Draft, route: RouteState, candidate: Version) -> None:
    draft.wake(LATER)
    if not serves_stable_only(route, draft.stable.revision):
        draft.say(Reason.NOT_PROGRAMMED, f"candidate {candidate.revision} waits until the route is seen at stable")
    elif route.leads:
        draft.say(Reason.NOT_PROGRAMMED, f"candidate {candidate.revision} waits until the gateway has settled")
    elif not ready(draft.seen.workloads.get(draft.stable.revision)):
        draft.say(Reason.STABLE_NOT_READY, f"candidate {candidate.revision} waits until stable is ready")
    else:
        start(draft, candidate)
