"""What to ask Prometheus for one Rollout, derived from its status and route. Pure."""

from collections.abc import Mapping
from typing import Any

from pawl.api.rollout import Rollout
from pawl.durations import parse_duration
from pawl.hard_limits import lookback
from pawl_operator.evidence_source import EvidenceTarget
from pawl_operator.gateway_samples import RuleClusters
from pawl_operator.kinds.rollout.observe import ownership_of
from pawl_operator.traffic.httproute import read_state, rule_index

LIVE = ("Preparing", "Progressing", "Baking", "RollingBack")


def evidence_target(
    rollout: Rollout, uid: str, namespace: str, route: Mapping[str, Any] | None
) -> EvidenceTarget | None:
    """Return the target of a Rollout whose release is on its way, None where there is nothing to judge."""
    release = rollout.status.release
    if release is None or release.state not in LIVE:
        return None
    return EvidenceTarget(
        uid=uid,
        release=release.number,
        interval=parse_duration(release.plan.analysis.interval),
        lookback=lookback(release.plan.analysis.hard_limits),
        clusters=_clusters(rollout, namespace, route),
    )


def _clusters(rollout: Rollout, namespace: str, route: Mapping[str, Any] | None) -> RuleClusters | None:
    reference = rollout.spec.route_ref
    if reference is None or route is None:
        return None
    index = rule_index(route, reference.rule_name)
    state = read_state(route, reference.rule_name, ownership_of(rollout))
    if index is None or state is None:
        return None
    # Places count all backends, strangers too, as the gateway names its clusters.
    arms = tuple(backend.arm or "" if backend.ours else "" for backend in state.backends)
    return RuleClusters(namespace, reference.name, index, arms) if any(arms) else None
