"""Conditions of a Rollout (KEP-1623): the transition time moves only when the status does."""

from datetime import timedelta
from typing import Literal

from pawl.api.meta import Condition
from pawl.api.rollout_status import RolloutStatus
from pawl_operator.kinds.conditions import Value, renewed
from pawl_operator.kinds.rollout.draft import LATER, SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason

Kind = Literal[
    "Ready",
    "Accepted",
    "Progressing",
    "TrafficVerified",
    "UsersPinned",
    "MetricsAvailable",
    "RouteConflict",
    "Underpowered",
    "ClockSkew",
]
ORDER: tuple[Kind, ...] = (
    "Ready",
    "Accepted",
    "Progressing",
    "TrafficVerified",
    "UsersPinned",
    "MetricsAvailable",
    "RouteConflict",
    "Underpowered",
    "ClockSkew",
)
PATIENCE = 3 * LATER
"""How long a gateway may take to confirm a route before that is worth a person's look."""


def condition(status: RolloutStatus, kind: Kind) -> Condition | None:
    """Return a condition, if it was ever set."""
    return next((entry for entry in status.conditions if entry.type == kind), None)


def unverified_for(draft: Draft) -> timedelta:
    """Return for how long the route has not been as wanted and confirmed; 0 while it is."""
    had = condition(draft.status, "TrafficVerified")
    return draft.now - had.last_transition_time if had is not None and had.status == "False" else timedelta(0)


def verified_for(draft: Draft) -> timedelta:
    """Return for how long the gateway has confirmed the route as it was wanted; 0 while it does not, less where the
    clock was set back.
    """
    had = condition(draft.status, "TrafficVerified")
    return draft.now - had.last_transition_time if had is not None and had.status == "True" else timedelta(0)


def wake_for_route(draft: Draft) -> None:
    """Look again soon while the gateway takes the route over, and less often once that takes long."""
    draft.wake(SOON if unverified_for(draft) < PATIENCE else LATER)


def truth(value: bool) -> Value:
    """Return a bool as a condition's status."""
    return "True" if value else "False"


def set_condition(draft: Draft, kind: Kind, value: Value, reason: Reason, message: str) -> None:
    """Set one condition; the others stay, in their fixed order (foreign ones last)."""
    draft.set(
        conditions=renewed(
            draft.status.conditions,
            kind,
            value,
            reason,
            message,
            generation=draft.seen.generation,
            now=draft.now,
            order=ORDER,
        )
    )
