"""Conditions (KEP-1623): how one is set, among a status' typed ones or on a plain body. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pawl.api.meta import Condition

MESSAGE_LIMIT = 1024
Value = Literal["True", "False", "Unknown"]
RECONCILED = "Reconciled"
"""Says that passes over an object fail; a pass that succeeds takes it away."""


def renewed(
    conditions: Sequence[Condition],
    kind: str,
    value: Value,
    reason: str,
    message: str,
    *,
    generation: int,
    now: datetime,
    order: Sequence[str] = (),
) -> tuple[Condition, ...]:
    """Return `conditions` with one set; the others stay, those named in `order` first and in that order."""
    had = next((entry for entry in conditions if entry.type == kind), None)
    new = Condition(
        type=kind,
        status=value,
        reason=reason,
        message=message[:MESSAGE_LIMIT],
        last_transition_time=had.last_transition_time if had is not None and had.status == value else now,
        observed_generation=generation,
    )
    kept = {entry.type: entry for entry in conditions} | {kind: new}
    ours = [kept.pop(name) for name in order if name in kept]
    return (*ours, *kept.values())


def with_condition(
    status: Mapping[str, Any], kind: str, value: str, reason: str, message: str, *, generation: int, now: datetime
) -> dict[str, Any]:
    """Return `status` with one condition set; its transition time moves only when its value changes."""
    conditions = [dict(item) for item in status.get("conditions") or []]
    held = next((item for item in conditions if item.get("type") == kind), None)
    since = held["lastTransitionTime"] if held and held.get("status") == value else _stamp(now)
    condition = Condition.model_validate(
        {
            "type": kind,
            "status": value,
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "lastTransitionTime": since,
            "observedGeneration": generation,
        }
    ).to_wire()
    others = [item for item in conditions if item.get("type") != kind]
    place = conditions.index(held) if held is not None else len(others)
    return dict(status) | {"conditions": [*others[:place], condition, *others[place:]]}


def without_condition(status: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return `status` without one condition."""
    kept = [item for item in status.get("conditions") or [] if item.get("type") != kind]
    return dict(status) | ({"conditions": kept} if "conditions" in status else {})


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")
