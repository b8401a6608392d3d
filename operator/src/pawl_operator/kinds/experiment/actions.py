"""What an Experiment's plan can ask for, and the plan itself. Every action may be repeated."""

from dataclasses import dataclass
from datetime import datetime

from pawl.api.experiment import ExperimentStatus
from pawl.api.serving import ModelVersion
from pawl_operator.kinds.notes import EventNote


@dataclass(frozen=True, slots=True)
class SetCandidate:
    """Make a shipped treatment the Rollout's candidate (server-side apply of that field alone, as `pawl-promote`)."""

    rollout: str
    version: ModelVersion


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass. ``wake_at`` is the latest time of the next pass even if nothing changes; None: only on
    a change.
    """

    status: ExperimentStatus
    actions: tuple[SetCandidate, ...] = ()
    events: tuple[EventNote, ...] = ()
    wake_at: datetime | None = None
