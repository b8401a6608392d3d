"""The five kinds: their types, their names, and the columns that `kubectl get` shows."""

from dataclasses import dataclass

from pawl.api.component import Component
from pawl.api.experiment import Experiment
from pawl.api.learning_loop import LearningLoop
from pawl.api.meta import ApiModel
from pawl.api.rollout import Rollout
from pawl.api.training_run import TrainingRun


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; priority 1 only shows with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the API."""

    model: type[ApiModel]
    plural: str
    short: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """The kind, such as `Rollout`."""
        return self.model.__name__

    @property
    def singular(self) -> str:
        """The kind in lower case."""
        return self.name.lower()


AGE = Column("Age", ".metadata.creationTimestamp", "date")
PHASE = Column("Phase", ".status.phase")
MESSAGE = Column("Message", ".status.message", priority=1)

KINDS = (
    Kind(
        Component,
        "components",
        "pcomp",
        (PHASE, Column("Score", ".spec.score"), Column("Model", ".spec.model"), AGE, MESSAGE),
    ),
    Kind(
        TrainingRun,
        "trainingruns",
        "ptr",
        (
            PHASE,
            Column("Component", ".spec.component"),
            Column("Trainer", ".spec.trainer"),
            Column("Progress", ".status.progress", "integer"),
            Column("Passed", ".status.gate.passed", "boolean"),
            AGE,
            MESSAGE,
        ),
    ),
    Kind(
        Experiment,
        "experiments",
        "pexp",
        (
            PHASE,
            Column("Rollout", ".spec.rolloutRef.name"),
            Column("Decision", ".status.decision"),
            Column("Started", ".status.startedAt", "date"),
            AGE,
            MESSAGE,
        ),
    ),
    Kind(
        Rollout,
        "rollouts",
        "pro",
        (
            PHASE,
            Column("Step", ".status.release.step", "integer"),
            Column("Weight", ".status.traffic.verified", "integer"),
            Column("Verdict", ".status.verdict"),
            Column("Candidate", ".status.release.revision"),
            Column("Next", ".status.release.holdUntil", "string"),
            AGE,
            Column("Stable", ".status.stable.revision", priority=1),
            MESSAGE,
        ),
    ),
    Kind(
        LearningLoop,
        "learningloops",
        "ploop",
        (
            PHASE,
            Column("Rollout", ".spec.rolloutRef.name"),
            Column("Have", ".status.have", "integer"),
            Column("Need", ".status.need", "integer"),
            Column("Active", ".status.active"),
            AGE,
            MESSAGE,
        ),
    ),
)
