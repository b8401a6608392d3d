"""Workloads outside of the release's own steps: what shall exist, at which size, and what may go."""

from math import ceil

from pawl_operator.kinds.rollout.actions import DeleteWorkload, ScaleWorkload
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.route_target import on_route
from pawl_operator.kinds.rollout.snapshot import RouteState, WorkloadState
from pawl_operator.kinds.rollout.versions import candidate_of, ensure, find, find_live


def ready(workload: WorkloadState | None) -> bool:
    """Return whether a workload can take its full share: all pods that it wants are ready, and it wants some."""
    return workload is not None and workload.exists and workload.ready >= max(1, workload.desired)


def answers(workload: WorkloadState | None) -> bool:
    """Return whether anybody is there to answer."""
    return workload is not None and workload.exists and max(workload.ready, workload.up) > 0


def outlives(draft: Draft) -> bool:
    """Return whether the stable workload shall stay when the Rollout is deleted."""
    return draft.spec.deletion_policy == "Orphan"


def keep_stable(draft: Draft) -> None:
    """Repair the stable workload's existence, size, Service and ownership, as far as the spec still describes its
    revision; else its size alone, which its workload remembers.
    """
    stable, matched = draft.stable, matched_size(draft) is not None
    version, have = find_live(draft.spec, stable), draft.seen.workloads.get(stable.revision)
    if version is None:
        if not matched:
            restore_stable(draft)
        return
    # A stable that follows its share is left at its size here.
    size = have.desired if matched and have is not None and have.exists else None
    owned, again = not outlives(draft), unresolved(draft)
    wanted = ensure(version, have, release=stable.release, owned=owned, size=size, again=again)
    if wanted is not None:
        draft.act(wanted)


def keep_candidate(draft: Draft) -> None:
    """Repair the candidate's workload while its release is on its way up."""
    release = draft.release
    version, have = find(draft.spec, release.revision), draft.seen.workloads.get(release.revision)
    if version is not None:
        wanted = ensure(version, have, release=release.number, owned=True, again=unresolved(draft))
        if wanted is not None:
            draft.act(wanted)


def unresolved(draft: Draft) -> bool:
    """Return whether a gateway misses a backend of the route: one of our Services may have been deleted."""
    return draft.seen.route is not None and draft.seen.route.unresolved


def full_size(draft: Draft) -> int | None:
    """Return stable's number of pods at full size: as the spec says, else as its workload remembers; None: an
    autoscaler decides, or nobody knows.
    """
    version, have = find_live(draft.spec, draft.stable), draft.seen.workloads.get(draft.stable.revision)
    if version is None:
        return have.full if have is not None else None
    return version.serve.wanted_replicas if version.serve is not None and version.serve.autoscaling is None else None


def matched_size(draft: Draft) -> int | None:
    """Return the size of stable under `stableCapacity: Match` while a release progresses; None: full size.

    It follows the verified share, so that stable is small only where its traffic already is; it never goes to 0.
    """
    release = draft.live
    if release is None or release.state != "Progressing" or draft.spec.stable_capacity != "Match":
        return None
    full, share = full_size(draft), 100 - draft.status.traffic.verified
    return max(1, ceil(full * share / 100)) if full is not None else None


def match_stable(draft: Draft) -> None:
    """Scale stable with its share where the spec asks for that."""
    revision, size, full = draft.stable.revision, matched_size(draft), full_size(draft)
    have = draft.seen.workloads.get(revision)
    if size is not None and full is not None and have is not None and have.exists and have.desired != size:
        draft.act(ScaleWorkload(revision, size, full))


def restore_stable(draft: Draft) -> None:
    """Bring stable back to its full size, because all traffic comes to it."""
    full, have = full_size(draft), draft.seen.workloads.get(draft.stable.revision)
    if full is not None and have is not None and have.exists and have.desired < full:
        draft.act(ScaleWorkload(have.revision, full, full))


def _soon_needed(draft: Draft) -> set[str]:
    """Return the revisions of a trial, and of a candidate that is about to begin: a shipped treatment stays warm."""
    trial, candidate = draft.status.trial, candidate_of(draft.spec)
    found = {trial.treatment.revision} if trial is not None else set()
    if candidate is not None and draft.live is None and draft.rejection_of(candidate.revision) is None:
        found.add(candidate.revision)
    return found


def remove_leftovers(draft: Draft, route: RouteState) -> None:
    """Delete workloads that no release needs, once no route leads to them and stable is there to answer."""
    if draft.spec.services is not None or not route.programmed:
        return
    if not ready(draft.seen.workloads.get(draft.stable.revision)):
        return
    needed = {draft.stable.revision, draft.live.revision if draft.live is not None else "", *_soon_needed(draft)}
    for revision, workload in sorted(draft.seen.workloads.items()):
        if workload.exists and revision not in needed and not on_route(route, revision):
            draft.act(DeleteWorkload(revision))
