"""Everything that `decide` may know about one Experiment, as frozen data; `observe` alone fills it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pawl.api.experiment import Experiment
from pawl.api.rollout import Rollout
from pawl.evidence import ReleaseEvidence
from pawl.gateway import GatewayCounters
from pawl.margins import MetricDefault


@dataclass(frozen=True, slots=True)
class ExperimentSnapshot:
    """An Experiment, the Rollout that it asks, and what was measured, all read within one pass."""

    experiment: Experiment
    uid: str
    generation: int
    rollout: Rollout | None = None
    """None: there is no such Rollout, or it cannot be read."""
    component_metrics: Mapping[str, MetricDefault] | None = None
    """What the Rollout's Component says about its metrics, by name; None: there is no such Component."""
    assigner: bool = False
    """Whether users can be given an arm here: there is an assigner, and a gateway that can ask it."""
    evidence: ReleaseEvidence | None = None
    gateway: Mapping[str, GatewayCounters] | None = None
    """By arm; None: not read for Experiments here, or it could not be read."""
    metrics_fresh_at: datetime | None = None
    evidence_max_age: timedelta = timedelta(seconds=45)
    clock_skew: timedelta = timedelta(0)
