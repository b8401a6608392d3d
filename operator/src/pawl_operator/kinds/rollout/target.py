"""What to ask Prometheus for one Rollout, derived from its status and route. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pawl.api.rollout import Rollout
from pawl.api.rollout_status import ReleaseStatus
from pawl.durations import parse_duration
from pawl.hard_limits import lookback
from pawl_operator.arm_samples import ArmSources, cluster_name
from pawl_operator.evidence_source import EvidenceTarget
from pawl_operator.kinds.rollout.judging import counted_from
from pawl_operator.kinds.rollout.observe import ownership_of
from pawl_operator.kinds.rollout.snapshot import CANDIDATE, STABLE
from pawl_operator.traffic.httproute import read_state, rule_index

LIVE = ("Preparing", "Progressing", "Baking", "RollingBack")


def evidence_target(
    rollout: Rollout, uid: str, namespace: str, route: Mapping[str, Any] | None, *, gateway: bool
) -> EvidenceTarget | None:
    """Return the target of a Rollout whose release is on its way, None where there is nothing to judge.

    `gateway` says whether arms are told apart by the gateway's clusters or by the model servers' revisions.
    """
    release = rollout.status.release
    if release is None or release.state not in LIVE:
        return None
    return EvidenceTarget(
        uid=uid,
        release=release.number,
        interval=parse_duration(release.plan.analysis.interval),
        lookback=lookback(release.plan.analysis.hard_limits),
        arms=_clusters(rollout, namespace, route) if gateway else _revisions(rollout, release),
        since=counted_from(rollout.status),
    )


def _clusters(rollout: Rollout, namespace: str, route: Mapping[str, Any] | None) -> ArmSources | None:
    reference = rollout.spec.route_ref
    if reference is None or route is None:
        return None
    index = rule_index(route, reference.rule_name)
    state = read_state(route, reference.rule_name, ownership_of(rollout))
    if index is None or state is None:
        return None
    # Places count all backends, strangers too, as the gateway names its clusters; an arm may have several.
    found: dict[str, list[str]] = defaultdict(list)
    serving: set[str] = set()
    for place, backend in enumerate(state.backends):
        if backend.ours and backend.arm is not None:
            found[backend.arm].append(cluster_name(namespace, reference.name, index, place))
            # A gateway may drop the cluster of a backend that gets nothing; that it is not exported is no fault then.
            serving |= {backend.arm} if backend.weight > 0 else set()
    arms = tuple((arm, tuple(names)) for arm, names in sorted(found.items()))
    return ArmSources(arms, frozenset(serving)) if found else None


def _revisions(rollout: Rollout, release: ReleaseStatus) -> ArmSources:
    before = release.previous or rollout.status.stable
    arms = [(CANDIDATE, (release.revision,))] + ([(STABLE, (before.revision,))] if before is not None else [])
    # Only the candidate has limits, and a stable without traffic may be scaled down.
    return ArmSources(tuple(arms), frozenset({CANDIDATE}))
