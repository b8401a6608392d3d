"""How a Rollout comes to know what is live: the first time from spec.initialStable, after a lost status from the
route.

A route or workload that bears the mark of an earlier release means that the status was lost (objects restored from a
backup). Then traffic stays exactly as it is: the backend that holds all weight is stable, and the spec's candidate,
whose history is lost with the status, counts as rejected until a person asks for it again. Where the route does not
tell, nothing is written at all.
"""

from dataclasses import dataclass

from pawl.api.rollout_status import Rejected, StableStatus, TrafficStatus
from pawl_operator.kinds.rollout.actions import PatchRoute
from pawl_operator.kinds.rollout.draft import LATER, SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.requests import mark_as_taken
from pawl_operator.kinds.rollout.route_target import matches
from pawl_operator.kinds.rollout.snapshot import RouteBackend, RouteState
from pawl_operator.kinds.rollout.upkeep import outlives, ready
from pawl_operator.kinds.rollout.versions import Version, backend, candidate_of, ensure, find, resolve, service_of

_REMEDY = (
    "move all weight to one backend of this Rollout by hand, and it will be taken as stable; or remove the backends "
    "and workloads of the lost releases to begin with spec.initialStable"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the route says is live."""

    entry: RouteBackend
    revision: str
    source: str
    digest: str


def adopt(draft: Draft, route: RouteState) -> None:
    """Bring a Rollout without status.stable one step closer to having one."""
    initial = resolve(draft.spec, draft.spec.initial_stable)
    if _had_a_life(draft, route, initial.revision):
        _readopt(draft, route)
    else:
        _begin(draft, route, initial)


def _had_a_life(draft: Draft, route: RouteState, initial: str) -> bool:
    marks = [entry for entry in route.ours if entry.release is not None or entry.revision is not None]
    if any((entry.release or 0) > 0 or (entry.revision or initial) != initial for entry in marks):
        return True
    return any(workload.exists and workload.release > 0 for workload in draft.seen.workloads.values())


def _begin(draft: Draft, route: RouteState, initial: Version) -> None:
    have = draft.seen.workloads.get(initial.revision)
    wanted = ensure(initial, have, release=0, owned=not outlives(draft), again=route.unresolved)
    if wanted is not None:
        draft.act(wanted)
    service = service_of(draft.name, draft.spec, initial.revision)
    patch = PatchRoute(None, backend(initial.revision, service), weight=0, release=0, step=0)
    if not ready(have):
        draft.say(Reason.ADOPTING, f"waiting for the initial stable {initial.revision} to become ready")
    elif not matches(route, patch):
        draft.act(patch)
        draft.say(Reason.ADOPTING, f"sending all traffic to the initial stable {initial.revision}")
    elif not route.programmed:
        draft.say(
            Reason.ADOPTING, f"waiting for the gateway to take the route over: {route.message or 'no answer yet'}"
        )
    else:
        _become(draft, _Found(route.ours[0], initial.revision, initial.source, initial.digest), release=0)
        message = f"revision {initial.revision} is stable and has all traffic"
        draft.event("Normal", Reason.ADOPTED, message)
        draft.say(Reason.STABLE, message)
    draft.wake(SOON if ready(have) else LATER)


def _readopt(draft: Draft, route: RouteState) -> None:
    found = _holder_of_all_weight(draft, route)
    if found is None:
        message = f"the status was lost, and the route does not tell which revision is stable: {_REMEDY}"
        draft.refuse(Reason.STABLE_UNKNOWN, message)
        return
    releases = [entry.release or 0 for entry in route.ours]
    releases += [workload.release for workload in draft.seen.workloads.values()]
    candidate = candidate_of(draft.spec)
    if candidate is not None and candidate.revision != found.revision:
        lost = Rejected(
            revision=candidate.revision,
            digest=candidate.digest,
            release=max(releases),
            reason=Reason.STATUS_LOST,
            time=draft.now,
        )
        draft.set(rejected=(lost,))
    mark_as_taken(draft)
    _become(draft, found, release=max(releases))
    message = f"the status was lost; revision {found.revision} held all weight and is stable again"
    draft.event("Warning", Reason.READOPTED, message)
    draft.say(Reason.READOPTED, message)
    draft.wake(SOON)


def _become(draft: Draft, found: _Found, *, release: int) -> None:
    stable = StableStatus(
        revision=found.revision,
        source=found.source,
        digest=found.digest,
        service=found.entry.service,
        since=draft.now,
        release=release,
    )
    draft.set(stable=stable, traffic=TrafficStatus())


def _holder_of_all_weight(draft: Draft, route: RouteState) -> _Found | None:
    holders = [entry for entry in route.ours if entry.weight > 0]
    if len(holders) != 1:
        return None
    entry = holders[0]
    revision = entry.revision or entry.service.removeprefix(f"{draft.name}-")
    have = draft.seen.workloads.get(revision)
    if have is not None and have.exists and have.source:
        return _Found(entry, revision, have.source, have.digest)
    version = find(draft.spec, revision)
    return _Found(entry, revision, version.source, version.digest) if version is not None else None
