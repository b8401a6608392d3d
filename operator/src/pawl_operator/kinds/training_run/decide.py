"""What to do about one TrainingRun: a pure function of what was seen and the time. Nothing here waits, reads or writes.

deleted             its children are collected; only a job in somebody else's Ray cluster is stopped first   leaving
over                give back what is still held, drop the finalizer, delete the run when its time comes      leaving
spec.suspend        end the attempt; it does not count as a failure                                           here
an attempt runs     read its report, else watch over its start, its pods and its deadline                     following
none runs           begin the next one, after a pause where one has failed                                    starting
"""

from datetime import datetime

from pawl_operator.kinds.training_run.actions import Plan
from pawl_operator.kinds.training_run.conditions import sum_up
from pawl_operator.kinds.training_run.draft import Draft
from pawl_operator.kinds.training_run.ending import end
from pawl_operator.kinds.training_run.following import follow
from pawl_operator.kinds.training_run.leaving import depart, hold_on, rest, retire
from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import ENDED, TrainingSnapshot
from pawl_operator.kinds.training_run.starting import adopt, begin


def decide(seen: TrainingSnapshot, now: datetime) -> Plan:
    """Return actions, the next status, events and the next wake-up. ``now`` is aware, in any zone.

    The same snapshot and time always give the same plan; a plan that was carried out gives, seen again, an empty one
    until something changes or its wake-up time comes.
    """
    draft = Draft(seen, now, seen.run.status)
    if seen.deleting_since is not None:
        depart(draft, seen.deleting_since)
        return draft.plan()
    if draft.finished:
        rest(draft)
    else:
        hold_on(draft)
        _advance(draft)
    retire(draft)
    sum_up(draft)
    return draft.plan()


def _advance(draft: Draft) -> None:
    adopt(draft)
    attempt = draft.open
    if draft.spec.suspend and not _over(draft):
        if attempt is not None:
            end(draft, attempt, Reason.SUSPENDED, "stopped by spec.suspend")
        draft.say(Reason.SUSPENDED, "spec.suspend is set: nothing runs until it is unset")
    elif attempt is not None:
        follow(draft, attempt)
    else:
        begin(draft)


def _over(draft: Draft) -> bool:
    """Return whether the attempt under way has come to its end by itself: then its report is worth reading."""
    attempt = draft.open
    if attempt is None:
        return False
    state = draft.seen.attempts.get(attempt.number)
    told = draft.seen.log is not None and draft.seen.log.report is not None
    ended = state is not None and state.owned and (told or state.stage in ENDED)
    return ended or attempt.reason == Reason.READING_REPORT
