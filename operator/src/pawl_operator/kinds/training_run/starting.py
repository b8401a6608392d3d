"""How an attempt begins: written down first, then made; a kill in between is continued by the next pass."""

from datetime import datetime, timedelta

from pawl.api.training_run import Attempt, DatasetStatus
from pawl.durations import parse_duration
from pawl_operator.kinds.training_run.actions import StartAttempt
from pawl_operator.kinds.training_run.admission import admit, image_of
from pawl_operator.kinds.training_run.draft import Draft
from pawl_operator.kinds.training_run.ending import end, end_run, too_long, wait_to_repeat
from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import AttemptState
from pawl_operator.kinds.training_run.trainer_plan import build_plan

SLACK = timedelta(minutes=1)
"""The engine ends an attempt a little later than we do: it is there for a day without an operator."""
LONGEST = 2**31 - 1


def begin(draft: Draft) -> None:
    """Begin the first attempt, or the next one."""
    if not admit(draft):
        if draft.refusal is Reason.CHAMPION_NOT_SERVED and draft.status.attempts:
            end_run(draft, draft.refusal, draft.message)
        return
    if timedelta(seconds=draft.status.active_seconds) >= draft.active_deadline:
        end_run(draft, Reason.DEADLINE_EXCEEDED, too_long(draft))
        return
    if wait_to_repeat(draft):
        return
    number = draft.status.attempts[-1].number + 1 if draft.status.attempts else 1
    _record(draft, Attempt(number=number, started_at=draft.now), until=draft.now)
    draft.event("Normal", Reason.ATTEMPT_STARTED, f"attempt {number} of {draft.spec.trainer}")
    ask_for(draft, draft.status.attempts[-1])


def adopt(draft: Draft) -> None:
    """Take up an attempt of ours that the status does not know: the status was lost, or restored from a backup."""
    known = draft.status.attempts[-1].number if draft.status.attempts else 0
    ours = [state for state in draft.seen.attempts.values() if state.owned and not state.deleting]
    newest = max(ours, key=lambda state: state.number, default=None)
    if newest is None or newest.number <= known:
        return
    began = newest.created or draft.now
    _record(draft, _adopted(newest, began), until=newest.until or began)


def ask_for(draft: Draft, attempt: Attempt) -> None:
    """Ask for the object that runs an attempt."""
    if not admit(draft):
        if draft.refusal is Reason.CHAMPION_NOT_SERVED:
            end(draft, attempt, draft.refusal, draft.message)
        return
    dataset = draft.status.dataset
    if dataset is None or dataset.until is None:
        raise ValueError("an attempt was begun without a pinned dataset")
    left = draft.active_deadline - draft.active(attempt) + SLACK
    draft.act(
        StartAttempt(
            number=attempt.number,
            image=image_of(draft),
            plan=build_plan(draft.seen, attempt.number, dataset),
            until=dataset.until,
            seconds=min(LONGEST, max(1, int(left.total_seconds()))),
        )
    )
    draft.poll()
    draft.say(Reason.STARTING, f"attempt {attempt.number} is starting")


def _adopted(state: AttemptState, began: datetime) -> Attempt:
    return Attempt(number=state.number, started_at=began, uid=state.uid)


def _record(draft: Draft, attempt: Attempt, *, until: datetime) -> None:
    draft.put(attempt)
    draft.set(progress=None, started_at=draft.status.started_at or attempt.started_at)
    if draft.status.dataset is None or draft.status.dataset.until is None:
        window = draft.spec.dataset.window
        after = until - parse_duration(window) if window is not None else None
        draft.set(dataset=DatasetStatus(after=after, until=until, need=draft.spec.dataset.min_examples))
