"""TrainingRun, Experiment and candidate of one turn, as data. Pure: the same input gives the same bytes."""

from dataclasses import dataclass
from typing import Any

from pawl.api.learning_loop import LearningLoop
from pawl.api.meta import API_VERSION
from pawl.api.training_run import Registered
from pawl.errors import InvalidSpec
from pawl_operator.kinds.learning_loop.actions import CreateExperiment, CreateTrainingRun
from pawl_operator.kube.port import Object

LOOP_LABEL = "pawl.dev/learningloop"
CONTROL, TREATMENT = "control", "treatment"


@dataclass(frozen=True, slots=True)
class LoopSubject:
    """The LearningLoop that a plan is about."""

    loop: LearningLoop
    namespace: str
    uid: str

    @property
    def name(self) -> str:
        """Return the loop's name."""
        return self.loop.metadata.name

    def metadata(self, turn: int) -> Object:
        """Return the metadata of a child: its name, and the owner by whose end it ends."""
        owner = {"apiVersion": API_VERSION, "kind": "LearningLoop", "name": self.name, "uid": self.uid}
        return {
            "name": f"{self.name}-{turn}",
            "namespace": self.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "pawl",
                LOOP_LABEL: self.name,
                "pawl.dev/component": self.loop.spec.component,
            },
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": False}],
        }


def training_run(subject: LoopSubject, wanted: CreateTrainingRun) -> Object:
    """Return the TrainingRun of a turn: the template, the component, and the champion as it was pinned.

    Raises:
        InvalidSpec: there is no template any more.
    """
    template = subject.loop.spec.training_template
    if template is None:
        raise InvalidSpec("a turn cannot train without it", field="spec.trainingTemplate", remedy="set it again")
    spec: dict[str, Any] = template.spec.to_wire()
    spec["component"] = subject.loop.spec.component
    spec["gate"] |= {"champion": version(wanted.champion.source, wanted.champion.digest)}
    return _object("TrainingRun", subject.metadata(wanted.turn), spec)


def experiment(subject: LoopSubject, wanted: CreateExperiment) -> Object:
    """Return the Experiment of a turn: the template, the Rollout, what is live as control and the version as treatment.

    Raises:
        InvalidSpec: there is no template any more.
    """
    template, loop = subject.loop.spec.experiment_template, subject.loop.spec
    if template is None:
        raise InvalidSpec("a turn cannot compare without it", field="spec.experimentTemplate", remedy="set it again")
    treatment = version(wanted.version.source, wanted.version.digest)
    spec: dict[str, Any] = template.spec.to_wire() | {
        "rolloutRef": {"name": loop.rollout_ref.name},
        "mode": "Shadow" if loop.stage == "Shadow" else "Live",
        "onShip": "Report" if loop.approval == "Manual" else "SetCandidate",
        "variants": [
            {"name": CONTROL, "role": "Control"},
            {"name": TREATMENT, "role": "Treatment", "weight": template.treatment_weight} | treatment,
        ],
    }
    return _object("Experiment", subject.metadata(wanted.turn), spec)


def candidate(subject: LoopSubject, wanted: Registered) -> Object:
    """Return what server-side apply has to say about the Rollout: its candidate, and nothing else."""
    metadata = {"name": subject.loop.spec.rollout_ref.name, "namespace": subject.namespace}
    return _object("Rollout", metadata, {"candidate": version(wanted.source, wanted.digest)})


def version(source: str, digest: str) -> dict[str, str]:
    """Return a model version as a manifest names it."""
    return {"source": source} | ({"digest": digest} if digest else {})


def _object(kind: str, metadata: Object, spec: Object) -> Object:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
