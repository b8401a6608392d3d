"""Workloads and the sticky policy outside of the release's own steps: what shall exist, at which size, and what may
go.
"""

from math import ceil

from pawl_operator.kinds.rollout.actions import (
    DeleteWorkload,
    EnsureStickyPolicy,
    EnsureWorkload,
    RemoveStickyPolicy,
    ScaleWorkload,
)
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.route_target import on_route
from pawl_operator.kinds.rollout.snapshot import HASHED_BUCKET, RouteState, WorkloadState
from pawl_operator.kinds.rollout.versions import ensure, find


def ready(workload: WorkloadState | None) -> bool:
    """Return whether a workload can take its full share: all pods that it wants are ready, and it wants some."""
    return workload is not None and workload.exists and workload.ready >= max(1, workload.desired)


def outlives(draft: Draft) -> bool:
    """Return whether the stable workload shall stay when the Rollout is deleted."""
    return draft.spec.deletion_policy == "Orphan"


def keep_stable(draft: Draft) -> None:
    """Repair the stable workload's existence, size and ownership, as far as the spec still describes its revision."""
    wanted = _stable_action(draft)
    if wanted is None:
        return
    have = draft.seen.workloads.get(wanted.revision)
    only_smaller = have is not None and have.exists and have.owned == wanted.owned
    if only_smaller and matched_size(draft) is not None:
        return
    draft.act(wanted)


def _stable_action(draft: Draft) -> EnsureWorkload | None:
    stable = draft.stable
    version = find(draft.spec, stable.revision)
    if version is None:
        return None
    have = draft.seen.workloads.get(stable.revision)
    return ensure(version, have, release=stable.release, owned=not outlives(draft))


def keep_candidate(draft: Draft) -> None:
    """Repair the candidate's workload while its release is on its way up."""
    release = draft.release
    version = find(draft.spec, release.revision)
    if version is not None:
        wanted = ensure(version, draft.seen.workloads.get(release.revision), release=release.number, owned=True)
        if wanted is not None:
            draft.act(wanted)


def matched_size(draft: Draft) -> int | None:
    """Return the size of stable under `stableCapacity: Match` while a release progresses; None: full size.

    It follows the verified share, so that stable is small only where its traffic already is; it never goes to 0.
    """
    release = draft.live
    if release is None or release.state != "Progressing" or draft.spec.stable_capacity != "Match":
        return None
    version = find(draft.spec, draft.stable.revision)
    if version is None or version.serve is None or version.serve.autoscaling is not None:
        return None
    share = 100 - draft.status.traffic.verified
    return max(1, ceil(version.serve.wanted_replicas * share / 100))


def match_stable(draft: Draft) -> None:
    """Scale stable with its share where the spec asks for that."""
    size, have = matched_size(draft), draft.seen.workloads.get(draft.stable.revision)
    if size is not None and have is not None and have.exists and have.desired != size:
        draft.act(ScaleWorkload(draft.stable.revision, size))


def restore_stable(draft: Draft, revision: str) -> None:
    """Bring the revision that a rollback goes to back to its full size."""
    version, have = find(draft.spec, revision), draft.seen.workloads.get(revision)
    if version is None or version.serve is None or version.serve.autoscaling is not None:
        return
    full = version.serve.wanted_replicas
    if have is not None and have.exists and have.desired < full:
        draft.act(ScaleWorkload(revision, full))


def remove_leftovers(draft: Draft, route: RouteState) -> None:
    """Delete workloads that no release needs, once no route leads to them and stable is there to answer."""
    if draft.spec.services is not None or not route.programmed:
        return
    if not ready(draft.seen.workloads.get(draft.stable.revision)):
        return
    for revision, workload in sorted(draft.seen.workloads.items()):
        if workload.exists and revision != draft.stable.revision and not on_route(route, revision):
            draft.act(DeleteWorkload(revision))


def wants_pinning(draft: Draft) -> bool:
    """Return whether users shall stay in an arm and the gateway can do that."""
    return draft.spec.stickiness.unit == "User" and HASHED_BUCKET in draft.seen.capabilities


def keep_policy(draft: Draft) -> None:
    """Write or remove the policy that pins users; during a release its frozen mode counts, not the spec."""
    release = draft.live
    pinned = release.plan.mode == "HashedBucket" if release is not None else wants_pinning(draft)
    if pinned and not draft.seen.sticky_policy:
        draft.act(EnsureStickyPolicy(draft.spec.stickiness.header))
    elif not pinned and draft.seen.sticky_policy:
        draft.act(RemoveStickyPolicy())


def policy_settled(draft: Draft) -> bool:
    """Return whether the policy is as the release's mode needs it, so that nobody is split by chance first."""
    return draft.seen.sticky_policy or draft.release.plan.mode != "HashedBucket"
