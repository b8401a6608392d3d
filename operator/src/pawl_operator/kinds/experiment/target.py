"""What to ask Prometheus for one Experiment, derived from its status and the route of its Rollout. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pawl.api.analysis import HardLimits
from pawl.api.experiment import Experiment, ExperimentStatus
from pawl.durations import parse_duration
from pawl.evidence import CANDIDATE, STABLE
from pawl.hard_limits import lookback
from pawl_operator.arm_samples import ArmSources, cluster_name
from pawl_operator.evidence_source import EvidenceTarget
from pawl_operator.kinds.rollout.trial_route import TRIAL_RELEASE
from pawl_operator.traffic.filters import read_marks

LIVE = ("Waiting", "Running")
"""One that waits is asked about too, so that it is not blind in its first moment."""


def experiment_target(
    experiment: Experiment, uid: str, namespace: str, route: Mapping[str, Any] | None, *, gateway: bool
) -> EvidenceTarget | None:
    """Return the target of an Experiment that has traffic or waits for it, None where there is nothing to judge.

    `gateway` says whether arms are told apart by the gateway's clusters or by the model servers' revisions.
    """
    status = experiment.status
    if status.phase not in LIVE or experiment.metadata.deletion_timestamp is not None:
        return None
    return EvidenceTarget(
        uid=uid,
        release=TRIAL_RELEASE,
        interval=parse_duration(experiment.spec.analysis.interval),
        # It has no limits of its own and is held to the usual ones.
        lookback=lookback(HardLimits()),
        arms=_clusters(uid, namespace, route) if gateway else _revisions(status),
        since=status.started_at,
    )


def _clusters(uid: str, namespace: str, route: Mapping[str, Any] | None) -> ArmSources | None:
    """Return the gateway's cluster of every backendRef that bears the Experiment's mark, whichever rule it is in."""
    if route is None:
        return None
    name, found, serving = route["metadata"]["name"], defaultdict[str, list[str]](list), set[str]()
    for index, rule in enumerate((route.get("spec") or {}).get("rules") or []):
        for place, entry in enumerate(rule.get("backendRefs") or []):
            marks = read_marks(entry.get("filters") or [])
            if marks.get("rollout") == uid and marks.get("arm") in (CANDIDATE, STABLE):
                found[marks["arm"]].append(cluster_name(namespace, name, index, place))
                # A gateway may drop the cluster of a backend that gets nothing; its silence is no fault then.
                serving |= {marks["arm"]} if entry.get("weight", 1) > 0 else set()
    arms = tuple((arm, tuple(clusters)) for arm, clusters in sorted(found.items()))
    return ArmSources(arms, frozenset(serving)) if found else None


def _revisions(status: ExperimentStatus) -> ArmSources | None:
    if status.control is None or status.treatment is None:
        return None
    arms = ((CANDIDATE, (status.treatment.revision,)), (STABLE, (status.control.revision,)))
    return ArmSources(arms, frozenset({CANDIDATE}))
