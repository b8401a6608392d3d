"""What becomes of the attempt that is under way: it starts, it runs, it ends, or it is gone."""

from datetime import timedelta

from pawl.api.training_run import Attempt
from pawl_operator.kinds.conditions import RECONCILED
from pawl_operator.kinds.training_run.diagnosis import headless, lost, why_not_started, why_out_of_memory
from pawl_operator.kinds.training_run.draft import Draft
from pawl_operator.kinds.training_run.ending import end, end_by_report, too_long
from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import ENDED, AttemptState
from pawl_operator.kinds.training_run.starting import ask_for

SETTLES = timedelta(seconds=5)
"""A log's last lines may come a moment after the end of the process is known."""
PATIENCE = timedelta(seconds=60)
"""How long a log that cannot be read just now is worth waiting for."""


def follow(draft: Draft, attempt: Attempt) -> None:
    """Look after the attempt that is under way."""
    draft.poll()
    state = draft.seen.attempts.get(attempt.number)
    if state is not None and state.owned and not state.deleting and state.uid != attempt.uid:
        attempt = attempt.model_copy(update={"uid": state.uid})
        draft.put(attempt)
    report = draft.seen.log.report if draft.seen.log is not None else None
    if report is not None and state is not None and state.owned:
        end_by_report(draft, attempt, report)
    elif attempt.reason == Reason.READING_REPORT or (state is not None and state.owned and state.stage in ENDED):
        _read_report(draft, attempt, state)
    elif draft.active(attempt) >= draft.active_deadline:
        end(draft, attempt, Reason.DEADLINE_EXCEEDED, too_long(draft))
    elif draft.seen.unreachable:
        _wait_for_engine(draft, attempt)
    elif state is None or state.deleting:
        _without_object(draft, attempt, state)
    elif not state.owned:
        _wait_for_name(draft, attempt)
    elif state.stage == "Running" or attempt.running_at is not None:
        _run(draft, attempt, state)
    else:
        _wait_for_start(draft, attempt, state)


def _run(draft: Draft, attempt: Attempt, state: AttemptState) -> None:
    if attempt.running_at is None:
        draft.put(attempt.model_copy(update={"running_at": draft.now}))
    gone = lost(draft.seen.pods, draft.seen.offer.start_deadline, draft.now)
    if gone:
        diagnosis = why_not_started(draft.seen.pods, draft.now)
        cause = f": {diagnosis[1]}" if diagnosis is not None else ""
        end(draft, attempt, Reason.PODS_LOST, f"pods of the running training did not come back ({gone}){cause}")
        return
    if state.stage == "Running" and headless(draft.seen.pods):
        # KubeRay would go on saying that the job runs until activeDeadline is over.
        end(draft, attempt, Reason.PODS_LOST, "the head of the Ray cluster is gone, and with it the training")
        return
    if state.stage != "Running":
        # A head that died came back, and has the job again.
        draft.say(Reason.STARTING, f"{_starting(attempt, state)} once more")
        return
    progress = draft.seen.log.progress if draft.seen.log is not None else None
    if progress is None:
        draft.say(Reason.RUNNING, f"attempt {attempt.number} runs", "True")
        return
    draft.set(progress=int(progress.percent))
    shown = f"{progress.stage}: {progress.message}" if progress.message else progress.stage
    draft.say(Reason.RUNNING, f"attempt {attempt.number} runs, {shown}", "True")


def _wait_for_start(draft: Draft, attempt: Attempt, state: AttemptState) -> None:
    reason, message = why_not_started(draft.seen.pods, draft.now) or (Reason.STARTING, _starting(attempt, state))
    if _late(draft, attempt):
        reason = Reason.START_DEADLINE_EXCEEDED if reason is Reason.STARTING else reason
        end(draft, attempt, reason, f"{message}; not running after {_patience(draft)}")
        return
    draft.say(reason, message)


def _starting(attempt: Attempt, state: AttemptState) -> str:
    told = f": {state.message}" if state.message else ""
    return f"attempt {attempt.number} is starting{told}"


def _read_report(draft: Draft, attempt: Attempt, state: AttemptState | None) -> None:
    if attempt.finished_at is None:
        attempt = attempt.model_copy(update={"finished_at": draft.now, "reason": str(Reason.READING_REPORT)})
        draft.put(attempt)
    waited = draft.now - (attempt.finished_at or draft.now)
    log, gone = draft.seen.log, draft.seen.log_gone or state is None
    patience = SETTLES if log is not None else PATIENCE
    if waited < timedelta(0):
        # The clock was set back: wait anew rather than for ever.
        draft.put(attempt.model_copy(update={"finished_at": draft.now}))
    if waited < patience and not gone:
        draft.say(Reason.READING_REPORT, f"attempt {attempt.number} has ended; its report is being read")
        draft.wake(patience - waited)
        return
    end(draft, attempt, *_without_report(draft, state))


def _without_report(draft: Draft, state: AttemptState | None) -> tuple[Reason, str]:
    told = state.message if state is not None else ""
    last = draft.seen.log.last if draft.seen.log is not None else ""
    memory = why_out_of_memory(draft.seen.pods, f"{told} {last}")
    if memory:
        return Reason.OUT_OF_MEMORY, memory
    if draft.seen.log is None:
        cause = f" ({draft.seen.unreachable or told})" if draft.seen.unreachable or told else ""
        return Reason.REPORT_MISSING, f"the attempt has ended, and its log with the report cannot be read{cause}"
    if state is not None and state.stage == "Succeeded":
        return Reason.REPORT_MISSING, "the trainer ended without a report: is it Pawl's image?"
    said = "; ".join(part for part in (told, f"its last line: {last}" if last else "") if part)
    return Reason.TRAINER_CRASHED, f"the trainer ended without a report: {said or 'and without a word'}"


def _without_object(draft: Draft, attempt: Attempt, state: AttemptState | None) -> None:
    refusal = draft.seen.refusal
    if attempt.uid or state is not None:
        message = f"what ran attempt {attempt.number} is gone: somebody deleted it"
        end(draft, attempt, Reason.VANISHED, message)
    elif refusal is not None and refusal.number == attempt.number:
        end(draft, attempt, Reason.START_REFUSED, f"attempt {attempt.number} is refused as written: {refusal.message}")
    elif _late(draft, attempt):
        message = f"attempt {attempt.number} could not be made within {_patience(draft)}{_failure(draft)}"
        end(draft, attempt, Reason.START_DEADLINE_EXCEEDED, message)
    else:
        ask_for(draft, attempt)


def _failure(draft: Draft) -> str:
    told = (entry.message for entry in draft.seen.run.status.conditions if entry.type == RECONCILED)
    return next((f": {message}" for message in told), "")


def _wait_for_name(draft: Draft, attempt: Attempt) -> None:
    name = f"{draft.seen.run.metadata.name}-{attempt.number}"
    message = f"{name} is there already and belongs to something else: delete it, or choose another name for the run"
    if _late(draft, attempt):
        end(draft, attempt, Reason.START_DEADLINE_EXCEEDED, message)
        return
    draft.say(Reason.NAME_TAKEN, message)


def _wait_for_engine(draft: Draft, attempt: Attempt) -> None:
    if not attempt.uid and _late(draft, attempt):
        end(draft, attempt, Reason.START_DEADLINE_EXCEEDED, f"{draft.seen.unreachable}; {_patience(draft)} have passed")
        return
    draft.say(Reason.ENGINE_UNREACHABLE, draft.seen.unreachable, "Unknown" if attempt.uid else "False")


def _late(draft: Draft, attempt: Attempt) -> bool:
    return draft.now - attempt.started_at >= draft.seen.offer.start_deadline


def _patience(draft: Draft) -> str:
    minutes, seconds = divmod(int(draft.seen.offer.start_deadline.total_seconds()), 60)
    return " ".join(part for part in (f"{minutes} min" if minutes else "", f"{seconds} s" if seconds else "") if part)
