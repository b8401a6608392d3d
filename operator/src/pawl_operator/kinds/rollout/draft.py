"""The plan in the making: old status in, new status, actions, events and wake-up times out. Used by one pass and
thrown away.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pawl.api.rollout import RolloutSpec
from pawl.api.rollout_status import Rejected, ReleaseStatus, RolloutStatus, StableStatus
from pawl.verdicts import Judgement
from pawl_operator.kinds.notes import EventNote
from pawl_operator.kinds.rollout.actions import Action, PatchRoute, PatchVariants, Plan
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.snapshot import RolloutSnapshot

LIVE = ("Preparing", "Progressing", "Baking", "RollingBack")
MESSAGE_LIMIT = 1024
SOON = timedelta(seconds=1)
"""For what changes by itself within moments: a gateway that takes a route over."""
LATER = timedelta(seconds=10)
"""For what a watch will tell first; the wake-up only covers for a lost event."""


@dataclass(slots=True)
class Draft:
    """What one pass has decided so far; ``status`` starts as the object's own and is replaced, never changed."""

    seen: RolloutSnapshot
    now: datetime
    status: RolloutStatus
    actions: list[Action] = field(default_factory=list)
    events: list[EventNote] = field(default_factory=list)
    wakes: list[datetime] = field(default_factory=list)
    judgement: Judgement | None = None
    reason: Reason = Reason.STABLE
    """Why the release is where it is, for the condition Progressing."""
    message: str = ""
    """The present state in one sentence."""
    refusal: Reason | None = None
    """Why the spec cannot be carried out, for the condition Accepted."""

    @property
    def spec(self) -> RolloutSpec:
        """What is wanted."""
        return self.seen.rollout.spec

    @property
    def name(self) -> str:
        """The Rollout's name."""
        return self.seen.rollout.metadata.name

    @property
    def stable(self) -> StableStatus:
        """What is live; ask only once a Rollout has been adopted."""
        if self.status.stable is None:
            raise ValueError("a Rollout without a stable revision was treated as adopted")
        return self.status.stable

    @property
    def live(self) -> ReleaseStatus | None:
        """The release on its way, if one is."""
        release = self.status.release
        return release if release is not None and release.state in LIVE else None

    @property
    def release(self) -> ReleaseStatus:
        """The last or present release; ask only where there is one."""
        if self.status.release is None:
            raise ValueError("a Rollout without a release was treated as having one")
        return self.status.release

    @property
    def previous(self) -> StableStatus:
        """Where a rollback goes: what was live when the release began."""
        return self.release.previous or self.stable

    def rejection_of(self, revision: str) -> Rejected | None:
        """Return why a revision is refused, if it is; the newest entry counts."""
        return next((entry for entry in reversed(self.status.rejected) if entry.revision == revision), None)

    def set(self, **changes: object) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=changes)

    def set_release(self, **changes: object) -> None:
        """Replace fields of status.release."""
        self.set(release=self.release.model_copy(update=changes))

    def set_traffic(self, **changes: object) -> None:
        """Replace fields of status.traffic."""
        self.set(traffic=self.status.traffic.model_copy(update=changes))

    def say(self, reason: Reason, message: str) -> None:
        """State where things are, in one word and one sentence."""
        self.reason, self.message = reason, message[:MESSAGE_LIMIT]

    def refuse(self, reason: Reason, message: str) -> None:
        """State that the spec cannot be carried out as it stands, and why."""
        self.refusal = reason
        self.say(reason, message)

    def event(self, kind: Literal["Normal", "Warning"], reason: Reason, message: str) -> None:
        """Send an Event once the status is written."""
        self.events.append(EventNote(kind, reason, message[:MESSAGE_LIMIT]))

    def act(self, action: Action) -> None:
        """Ask for an action; a change of the route goes before everything else."""
        if isinstance(action, PatchRoute | PatchVariants):
            self.actions.insert(0, action)
        else:
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
