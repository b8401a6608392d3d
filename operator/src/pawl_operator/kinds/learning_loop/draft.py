"""The plan in the making: old status in, new status, actions, events and wake-up times out. Used by one pass and
thrown away.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pawl.api.learning_loop import MAX_HISTORY, LearningLoopSpec, LearningLoopStatus, Turn, TurnOutcome, TurnRecord
from pawl.api.rollout import Rollout
from pawl_operator.kinds.learning_loop.actions import Action, Plan
from pawl_operator.kinds.learning_loop.reasons import Reason
from pawl_operator.kinds.learning_loop.snapshot import LoopSnapshot
from pawl_operator.kinds.notes import EventNote

MESSAGE_LIMIT = 1024
LATER = timedelta(seconds=10)
"""For what a watch or the next count will tell first; the wake-up only covers for a lost event."""
ACTIVE = ("Training", "Experimenting")
"""The states of a turn that has a child at work."""


@dataclass(slots=True)
class Draft:
    """What one pass has decided so far; ``status`` starts as the object's own and is replaced, never changed."""

    seen: LoopSnapshot
    now: datetime
    status: LearningLoopStatus
    actions: list[Action] = field(default_factory=list)
    events: list[EventNote] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """The present state, sentence by sentence."""
    refusal: tuple[Reason, str] | None = None
    """Why the spec cannot be carried out, for the condition Accepted."""
    trouble: tuple[Reason, str] | None = None
    """Why a turn does not go on although it should, for the condition Ready."""
    idle: Reason = Reason.WAITING_FOR_EXAMPLES
    """Why no turn begins, where none is under way."""
    queued: str = ""
    """Why a version waits, for the condition Queued."""

    @property
    def spec(self) -> LearningLoopSpec:
        """What is wanted."""
        return self.seen.loop.spec

    @property
    def name(self) -> str:
        """The loop's name."""
        return self.seen.loop.metadata.name

    @property
    def rollout(self) -> Rollout | None:
        """The Rollout that gets new versions, if it is there."""
        return self.seen.rollout

    @property
    def rollout_name(self) -> str:
        """The Rollout's name, whether or not it is there."""
        return self.spec.rollout_ref.name

    def turn(self, number: int) -> Turn | None:
        """Return a turn that is under way."""
        return next((turn for turn in self.status.turns if turn.number == number), None)

    def turn_in(self, *states: str) -> Turn | None:
        """Return the newest turn in one of the states."""
        return next((turn for turn in reversed(self.status.turns) if turn.state in states), None)

    def set(self, **changes: object) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=changes)

    def set_turn(self, number: int, **changes: object) -> Turn:
        """Replace fields of a turn under way, and return it."""
        new = {turn.number: turn for turn in self.status.turns}
        new[number] = new[number].model_copy(update=changes)
        self.set(turns=tuple(new.values()))
        return new[number]

    def end(self, turn: Turn, outcome: TurnOutcome, reason: str, message: str) -> None:
        """Take a turn into the history."""
        version = turn.registered
        record = TurnRecord(
            turn=turn.number,
            outcome=outcome,
            reason=reason,
            message=message[:MESSAGE_LIMIT],
            examples=turn.examples,
            started_at=turn.started_at,
            finished_at=self.now,
            source=version.source if version is not None else "",
            digest=version.digest if version is not None else "",
            release=turn.release,
        )
        left = tuple(entry for entry in self.status.turns if entry.number != turn.number)
        history = (*self.status.history, record)[-MAX_HISTORY:]
        self.set(turns=left, history=history, last_finished_at=self.now)
        kind: Literal["Normal", "Warning"] = "Normal" if outcome == "Promoted" else "Warning"
        self.event(kind, Reason.TURN_ENDED, f"turn {turn.number}: {outcome}: {message}")

    def say(self, message: str) -> None:
        """Add a sentence about where things are."""
        self.said.append(message)

    def rest(self, reason: Reason, message: str) -> None:
        """State why no turn begins now."""
        self.idle = reason
        self.say(message)

    def refuse(self, reason: Reason, message: str) -> None:
        """State that the spec cannot be carried out as it stands, and why."""
        self.refusal = reason, message

    def event(self, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        """Send an Event once the status is written."""
        self.events.append(EventNote(kind, reason, message[:MESSAGE_LIMIT]))

    def act(self, action: Action) -> None:
        """Ask for an action."""
        self.actions.append(action)

    def wake(self, at: datetime | timedelta | None) -> None:
        """Come back at (or in) that time at the latest; a time that has passed has had its say in this very pass."""
        when = self.now + at if isinstance(at, timedelta) else at
        if when is not None and when > self.now:
            self.wakes.append(when)

    def plan(self) -> Plan:
        """Return the finished plan."""
        return Plan(
            status=self.status,
            actions=tuple(self.actions),
            events=tuple(self.events),
            wake_at=min(self.wakes, default=None),
        )
