"""What is given back: machines of attempts that have ended, the finalizer, and at last the run itself."""

from datetime import datetime, timedelta

from pawl_operator.kinds.training_run.actions import (
    FINALIZER,
    AddFinalizer,
    DeleteRun,
    RemoveFinalizer,
    RetireAttempt,
)
from pawl_operator.kinds.training_run.draft import Draft
from pawl_operator.kinds.training_run.reasons import REPORTED, Reason
from pawl_operator.kinds.training_run.snapshot import ENDED, AttemptState

LEAVES_WITHIN = timedelta(seconds=60)
"""How long a trainer that has reported may take to end."""
LOOK_AGAIN = timedelta(minutes=1)
GIVE_UP = timedelta(minutes=5)
"""How long a deletion waits for a Ray cluster that does not answer."""


def hold_on(draft: Draft) -> None:
    """Keep a run that has work in somebody else's Ray cluster from vanishing before that was stopped."""
    if draft.seen.engine == "rayAddress" and FINALIZER not in draft.seen.finalizers:
        draft.act(AddFinalizer())


def retire(draft: Draft) -> None:
    """Ask back what attempts hold that are not under way any more, also where an earlier try was lost."""
    under_way = draft.open
    for state in draft.seen.attempts.values():
        if not _holds(state) or (under_way is not None and state.number == under_way.number):
            continue
        draft.poll()
        if not _ends_by_itself(draft, state):
            draft.act(RetireAttempt(state.number, state.uid))


def rest(draft: Draft) -> None:
    """Look after a run that is over."""
    if draft.seen.unreachable:
        draft.wake(LOOK_AGAIN)
    elif not any(_holds(state) for state in draft.seen.attempts.values()):
        _let_go(draft)
    ttl, finished_at = draft.spec.ttl_seconds_after_finished, draft.status.finished_at
    if ttl is None or finished_at is None:
        return
    due = finished_at + timedelta(seconds=ttl)
    if draft.now >= due:
        draft.act(DeleteRun())
    draft.wake(due)


def depart(draft: Draft, since: datetime) -> None:
    """Let a deleted run go, once nothing of it runs where no garbage collector comes."""
    if FINALIZER not in draft.seen.finalizers:
        return
    if draft.seen.unreachable and draft.now - since < GIVE_UP:
        draft.wake(since + GIVE_UP)
        draft.poll()
        return
    if draft.seen.unreachable:
        draft.event("Warning", Reason.ENGINE_UNREACHABLE, f"a job may still run there: {draft.seen.unreachable}")
    for state in draft.seen.attempts.values():
        if _holds(state):
            draft.act(RetireAttempt(state.number, state.uid))
    _let_go(draft)


def _let_go(draft: Draft) -> None:
    if FINALIZER in draft.seen.finalizers:
        draft.act(RemoveFinalizer())


def _holds(state: AttemptState) -> bool:
    return state.owned and state.holds and not state.deleting


def _ends_by_itself(draft: Draft, state: AttemptState) -> bool:
    """Return whether an attempt has told its end and only has to leave: an object that ended well is a record."""
    if state.stage in ENDED:
        return False
    told = next((entry for entry in draft.status.attempts if entry.number == state.number), None)
    if told is None or told.finished_at is None or told.reason not in REPORTED:
        return False
    return timedelta(0) <= draft.now - told.finished_at < LEAVES_WITHIN
