"""Conditions of a TrainingRun (KEP-1623), its phase and its message: said once, at the end of a pass."""

from datetime import datetime
from typing import Literal

from pawl.api.meta import Condition
from pawl_operator.kinds.training_run.draft import MESSAGE_LIMIT, Draft, Truth
from pawl_operator.kinds.training_run.reasons import SUCCESSES, Reason

Kind = Literal["Succeeded", "Accepted", "Running", "Suspended"]
ORDER: tuple[Kind, ...] = ("Succeeded", "Accepted", "Running", "Suspended")
GATING = frozenset({"gate", "register"})


def sum_up(draft: Draft) -> None:
    """Put phase, message and conditions into the status. Conditions of a run that was over before are left alone."""
    draft.set(observed_generation=draft.seen.generation)
    if draft.seen.run.status.finished_at is not None:
        return
    draft.set(phase=_phase(draft), message=draft.message)
    _succeeded(draft)
    accepted, message = draft.refusal is None, "the run can be carried out" if draft.refusal is None else draft.message
    _set(draft, "Accepted", _truth(accepted), draft.refusal or Reason.ACCEPTED, message)
    _set(draft, "Running", draft.running, draft.reason, draft.message)
    suspended = draft.reason is Reason.SUSPENDED
    _set(draft, "Suspended", _truth(suspended), Reason.SUSPENDED if suspended else Reason.NOT_SUSPENDED, "")


def _phase(draft: Draft) -> str:
    if draft.finished:
        return "Succeeded" if draft.reason in SUCCESSES else "Failed"
    if draft.reason is Reason.SUSPENDED:
        return "Suspended"
    if draft.reason is Reason.READING_REPORT:
        return "Running"
    if draft.running == "False":
        return "Pending"
    progress = draft.seen.log.progress if draft.seen.log is not None else None
    return "Gating" if progress is not None and progress.stage in GATING else "Running"


def _succeeded(draft: Draft) -> None:
    if draft.finished:
        _set(draft, "Succeeded", _truth(draft.reason in SUCCESSES), draft.reason, draft.message)
    else:
        _set(draft, "Succeeded", "Unknown", Reason.UNFINISHED, "the run is not over")


def _truth(value: bool) -> Truth:
    return "True" if value else "False"


def _set(draft: Draft, kind: Kind, value: Truth, reason: Reason, message: str) -> None:
    had = next((entry for entry in draft.status.conditions if entry.type == kind), None)
    new = Condition(
        type=kind,
        status=value,
        reason=reason,
        message=message[:MESSAGE_LIMIT],
        last_transition_time=_since(had, value, draft.now),
        observed_generation=draft.seen.generation,
    )
    kept = {entry.type: entry for entry in draft.status.conditions} | {kind: new}
    ours = [kept.pop(name) for name in ORDER if name in kept]
    draft.set(conditions=(*ours, *kept.values()))


def _since(had: Condition | None, value: Truth, now: datetime) -> datetime:
    return had.last_transition_time if had is not None and had.status == value else now
