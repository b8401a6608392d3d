"""What a TrainingRun's plan can ask for, and the plan itself. Every action may be repeated."""

from dataclasses import dataclass
from datetime import datetime

from pawl.api.training_run import TrainingRunStatus
from pawl_operator.kinds.notes import EventNote

FINALIZER = "pawl.dev/ray-job"


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Make the object `<run>-<number>` that runs the attempt; one that is there already is left alone."""

    number: int
    image: str
    plan: str
    """PAWL_PLAN, JSON."""
    until: datetime
    """For the annotation by which a lost status is found again."""
    seconds: int
    """After which the engine itself ends it, should the operator never come back."""


@dataclass(frozen=True, slots=True)
class RetireAttempt:
    """Give back what an attempt that has ended still holds; one that is still running is stopped."""

    number: int
    uid: str


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Keep the TrainingRun until its job in somebody else's Ray cluster, which nothing collects, was stopped."""


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let the TrainingRun go."""


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Delete the TrainingRun itself, whose time has passed."""


Action = StartAttempt | RetireAttempt | AddFinalizer | RemoveFinalizer | DeleteRun


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass. ``wake_at`` is the latest time of the next pass even if nothing changes; None: only on
    a change.
    """

    status: TrainingRunStatus
    actions: tuple[Action, ...] = ()
    events: tuple[EventNote, ...] = ()
    wake_at: datetime | None = None
