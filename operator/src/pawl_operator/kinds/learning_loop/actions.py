"""What `decide` may ask for, as data. Every action is idempotent: doing it twice, or after it was done, changes
nothing.

A Plan is carried out in this order (`carry`): the candidate, the status with its events, then the children. A child
is made only after the status says which turn it belongs to, so a kill in between leaves a turn whose child is still to
be made, never a child that nobody knows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pawl.api.learning_loop import Champion, LearningLoopStatus
from pawl.api.training_run import Registered
from pawl_operator.kinds.notes import EventNote


@dataclass(frozen=True, slots=True)
class CreateTrainingRun:
    """Make the TrainingRun of a turn, with the champion that was pinned."""

    turn: int
    champion: Champion


@dataclass(frozen=True, slots=True)
class CreateExperiment:
    """Make the Experiment of a turn."""

    turn: int
    version: Registered


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Delete a TrainingRun or an Experiment of this loop; absent is fine."""

    kind: Literal["TrainingRun", "Experiment"]
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SetCandidate:
    """Make a version the candidate of the Rollout, without any override of its serve."""

    version: Registered


Action = CreateTrainingRun | CreateExperiment | DeleteChild | SetCandidate


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass. ``wake_at`` is the latest time of the next pass even if nothing changes; None: only on
    a change.
    """

    status: LearningLoopStatus
    actions: tuple[Action, ...] = ()
    events: tuple[EventNote, ...] = ()
    wake_at: datetime | None = None
