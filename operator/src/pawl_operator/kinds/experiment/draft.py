"""The plan in the making: old status in, new status, actions, events and wake-up times out. Used by one pass and
thrown away.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pawl.api.experiment import ExperimentSpec, ExperimentStatus, Variant
from pawl.api.serving import ModelVersion
from pawl_operator.kinds.conditions import MESSAGE_LIMIT, Value, renewed
from pawl_operator.kinds.experiment.actions import Plan, SetCandidate
from pawl_operator.kinds.experiment.reasons import Reason
from pawl_operator.kinds.experiment.snapshot import ExperimentSnapshot
from pawl_operator.kinds.notes import EventNote

Kind = Literal["Accepted", "TrafficGranted", "MetricsAvailable", "Complete"]
ORDER: tuple[Kind, ...] = ("Accepted", "TrafficGranted", "MetricsAvailable", "Complete")


@dataclass(slots=True)
class Draft:
    """What one pass has decided so far; ``status`` starts as the object's own and is replaced, never changed."""

    seen: ExperimentSnapshot
    now: datetime
    status: ExperimentStatus
    actions: list[SetCandidate] = field(default_factory=list)
    events: list[EventNote] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)

    @property
    def spec(self) -> ExperimentSpec:
        """What is asked."""
        return self.seen.experiment.spec

    @property
    def treatment(self) -> Variant:
        """The arm that is compared with control."""
        return next(arm for arm in self.spec.variants if arm.role == "Treatment")

    @property
    def treatment_version(self) -> ModelVersion:
        """The treatment as a Rollout names versions."""
        arm = self.treatment
        return ModelVersion(source=arm.source or "none", digest=arm.digest, serve=arm.serve)

    def set(self, **changes: object) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=changes)

    def say(self, kind: Kind, value: Value, reason: Reason | str, message: str) -> None:
        """Set one condition."""
        self.set(
            conditions=renewed(
                self.status.conditions,
                kind,
                value,
                str(reason),
                message,
                generation=self.seen.generation,
                now=self.now,
                order=ORDER,
            )
        )

    def stand(self, phase: Literal["Pending", "Waiting", "Running", "Complete"], message: str) -> None:
        """State where things are, in one word and one sentence."""
        self.set(phase=phase, message=message[:MESSAGE_LIMIT])

    def event(self, kind: Literal["Normal", "Warning"], reason: Reason | str, message: str) -> None:
        """Send an Event once the status is written."""
        self.events.append(EventNote(kind, str(reason), message[:MESSAGE_LIMIT]))

    def wake(self, at: datetime | timedelta | None) -> None:
        """Come back at (or in) that time at the latest."""
        when = self.now + at if isinstance(at, timedelta) else at
        if when is not None and when > self.now:
            self.wakes.append(when)

    def plan(self) -> Plan:
        """Return the finished plan."""
        self.set(observed_generation=self.seen.generation)
        wake = min(self.wakes, default=None)
        return Plan(self.status, tuple(self.actions), tuple(self.events), wake)
