"""Gather everything `decide` may know about one Experiment; reads only, and only what is in memory."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from pawl.api.experiment import Experiment
from pawl.api.rollout import Rollout
from pawl_operator.evidence_source import EvidenceSource
from pawl_operator.kinds.experiment.snapshot import ExperimentSnapshot
from pawl_operator.kinds.rollout.observe import component_metrics
from pawl_operator.kinds.rollout.snapshot import ASSIGNER
from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import ROLLOUTS, Ref
from pawl_operator.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Observer:
    """Fills snapshots from the store and the evidence source."""

    store: ObjectStore
    evidence: EvidenceSource
    capabilities: Callable[[], frozenset[str]]

    def observe(self, live: Object, experiment: Experiment) -> ExperimentSnapshot:
        """Return the snapshot of an Experiment's body."""
        metadata = live["metadata"]
        rollout, known = self._rollout(experiment, metadata["namespace"]), self.evidence.about(metadata["uid"])
        return ExperimentSnapshot(
            experiment=experiment,
            uid=metadata["uid"],
            generation=int(metadata.get("generation") or 0),
            rollout=rollout,
            component_metrics=component_metrics(self.store, rollout, metadata["namespace"]) if rollout else None,
            assigner=ASSIGNER in self.capabilities(),
            evidence=known.release,
            gateway=known.gateway,
            metrics_fresh_at=known.fresh_at,
            evidence_max_age=self.evidence.max_age,
            clock_skew=known.clock_skew,
        )

    def _rollout(self, experiment: Experiment, namespace: str) -> Rollout | None:
        reference = experiment.spec.rollout_ref
        live = self.store.get(Ref(ROLLOUTS, namespace, reference.name)) if reference is not None else None
        if live is None:
            return None
        try:
            return Rollout.from_cluster(live)
        except ValidationError:
            # Its own condition says what is wrong with it.
            return None
