"""The plan in the making: old status in, new status, actions, events and wake-up times out. Used by one pass and
thrown away.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pawl.api.training_run import MAX_ATTEMPTS, Attempt, TrainingRunSpec, TrainingRunStatus
from pawl.durations import parse_duration
from pawl_operator.kinds.notes import EventNote
from pawl_operator.kinds.training_run.actions import Action, Plan
from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import TrainingSnapshot

MESSAGE_LIMIT = 1024
Truth = Literal["True", "False", "Unknown"]


def open_attempt(status: TrainingRunStatus) -> Attempt | None:
    """Return the attempt that is under way; one whose report is still being read is."""
    last = status.attempts[-1] if status.attempts else None
    return last if last is not None and (last.finished_at is None or last.reason == Reason.READING_REPORT) else None


@dataclass(slots=True)
class Draft:
    """What one pass has decided so far; ``status`` starts as the object's own and is replaced, never changed."""

    seen: TrainingSnapshot
    now: datetime
    status: TrainingRunStatus
    actions: list[Action] = field(default_factory=list)
    events: list[EventNote] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    reason: Reason = Reason.WAITING
    """Why the training is where it is, for the condition Running."""
    message: str = ""
    """The present state in one sentence."""
    running: Truth = "False"
    refusal: Reason | None = None
    """Why the spec cannot be carried out, for the condition Accepted."""

    @property
    def spec(self) -> TrainingRunSpec:
        """What is wanted."""
        return self.seen.run.spec

    @property
    def open(self) -> Attempt | None:
        """The attempt that is under way, if one is."""
        return open_attempt(self.status)

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self.status.finished_at is not None

    def active(self, attempt: Attempt) -> timedelta:
        """Return how long all attempts have taken together, this one up to now."""
        return timedelta(seconds=self.status.active_seconds) + max(timedelta(0), self.now - attempt.started_at)

    @property
    def active_deadline(self) -> timedelta:
        """How long all attempts together may take."""
        return parse_duration(self.spec.active_deadline)

    def set(self, **changes: object) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=changes)

    def put(self, attempt: Attempt) -> None:
        """Record an attempt in the place of the one of its number, or as the newest."""
        others = tuple(entry for entry in self.status.attempts if entry.number != attempt.number)
        self.set(attempts=(*others, attempt)[-MAX_ATTEMPTS:])

    def say(self, reason: Reason, message: str, running: Truth = "False") -> None:
        """State where things are, in one word and one sentence."""
        self.reason, self.message, self.running = reason, message[:MESSAGE_LIMIT], running

    def refuse(self, reason: Reason, message: str) -> None:
        """State that the spec cannot be carried out as things stand, and why."""
        self.refusal = reason
        self.say(reason, message)

    def event(self, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        """Send an Event once the status is written."""
        self.events.append(EventNote(kind, reason, message[:MESSAGE_LIMIT]))

    def act(self, action: Action) -> None:
        """Ask for an action."""
        self.actions.append(action)

    def wake(self, at: datetime | timedelta) -> None:
        """Come back at (or in) that time at the latest; a time that has passed has had its say in this very pass."""
        when = self.now + at if isinstance(at, timedelta) else at
        if when > self.now:
            self.wakes.append(when)

    def poll(self) -> None:
        """Come back at the next look at what runs."""
        self.wake(self.seen.offer.poll)

    def plan(self) -> Plan:
        """Return the finished plan."""
        return Plan(
            status=self.status,
            actions=tuple(self.actions),
            events=tuple(self.events),
            wake_at=min(self.wakes, default=None),
        )
