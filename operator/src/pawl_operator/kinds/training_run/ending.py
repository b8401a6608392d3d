"""How an attempt ends, and with it perhaps the run: what is written down, and whether it is repeated."""

from datetime import timedelta

from pawl.api.training_run import Attempt, DatasetStatus, GateStatus, MetricValue, Registered
from pawl_operator.kinds.training_run.draft import MESSAGE_LIMIT, Draft
from pawl_operator.kinds.training_run.reasons import FINAL, SUCCESSES, Reason
from pawl_operator.kinds.training_run.report import Report, SaidGate, contradiction
from pawl_operator.kinds.training_run.trainer_plan import model_name

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=5)


def end(draft: Draft, attempt: Attempt, reason: Reason, message: str) -> None:
    """End an attempt; the run ends with it where it succeeded or no repetition helps or is left."""
    ended_at = attempt.finished_at or draft.now
    seconds = int(max(0.0, (ended_at - attempt.started_at).total_seconds()))
    told = {"finished_at": ended_at, "reason": str(reason), "message": message[:MESSAGE_LIMIT]}
    draft.put(attempt.model_copy(update=told))
    failed = reason not in SUCCESSES and reason is not Reason.SUSPENDED
    draft.set(
        active_seconds=draft.status.active_seconds + seconds,
        failures=draft.status.failures + failed,
    )
    draft.say(reason, message)
    if reason in FINAL or draft.status.failures > draft.spec.backoff_limit:
        end_run(draft, reason, message)
    elif failed:
        draft.event("Warning", reason, f"attempt {attempt.number}: {message}")
        wait_to_repeat(draft)


def end_run(draft: Draft, reason: Reason, message: str) -> None:
    """End the run."""
    draft.say(reason, message)
    draft.set(finished_at=draft.now)
    if reason in SUCCESSES:
        draft.set(progress=100)
    draft.event("Normal" if reason in SUCCESSES else "Warning", reason, message)


def wait_to_repeat(draft: Draft) -> bool:
    """Say that the next attempt waits a little, the longer the more have failed; False: it need not wait."""
    last = draft.status.attempts[-1] if draft.status.attempts else None
    if last is None or last.finished_at is None or last.reason == Reason.SUSPENDED:
        return False
    doublings = min(draft.status.failures - 1, 10)
    due = last.finished_at + min(LONGEST_PAUSE, FIRST_PAUSE * 2**doublings)
    if draft.now >= due:
        return False
    left = draft.spec.backoff_limit - draft.status.failures + 1
    draft.say(
        Reason.WAITING_TO_REPEAT, f"attempt {last.number}: {last.reason}: {last.message}; {left} more will follow"
    )
    draft.wake(due)
    return True


def too_long(draft: Draft) -> str:
    """Return what to say of a run that used up its time."""
    return f"the attempts took longer than spec.activeDeadline ({draft.spec.active_deadline}): raise it"


def end_by_report(draft: Draft, attempt: Attempt, report: Report) -> None:
    """End an attempt as its trainer's report says, as far as the report can be so."""
    wrong = contradiction(report, model=model_name(draft.seen), register=draft.spec.register_)
    if wrong:
        end(draft, attempt, Reason.REPORT_MISSING, f"the report cannot be true: {wrong}")
        return
    _take_over(draft, report)
    match report.outcome:
        case "Succeeded" if report.registered is not None:
            told = f"{report.registered.source} is registered"
            end(draft, attempt, Reason.REGISTERED, f"{told}: {report.message}" if report.message else told)
        case "Succeeded":
            end(draft, attempt, Reason.NOT_REGISTERED, report.message or "trained; spec.register is false")
        case "GateRefused":
            end(draft, attempt, Reason.GATE_REFUSED, report.message or _gate_message(report.gate))
        case "TooFewExamples":
            end(draft, attempt, Reason.TOO_FEW_EXAMPLES, _too_few(report))
        case "Failed":
            end(draft, attempt, Reason.TRAINING_FAILED, report.message or "the trainer gives no cause: read its log")


def _take_over(draft: Draft, report: Report) -> None:
    if report.dataset is not None:
        told = report.dataset.model_dump()
        pinned = draft.status.dataset or DatasetStatus()
        draft.set(dataset=pinned.model_copy(update=told))
    metrics = {entry.name: MetricValue(name=entry.name, value=number(entry.value)) for entry in report.metrics}
    gate, version = report.gate, report.registered
    draft.set(
        metrics=tuple(metrics.values()),
        gate=_gate(gate) if gate is not None else None,
        registered=Registered(source=version.source, digest=version.digest) if version is not None else None,
    )


def _gate(said: SaidGate) -> GateStatus:
    return GateStatus(
        passed=said.passed,
        estimate=number(said.estimate) if said.estimate is not None else None,
        lower=number(said.lower) if said.lower is not None else None,
        upper=number(said.upper) if said.upper is not None else None,
        message=said.message,
    )


def _gate_message(gate: SaidGate | None) -> str:
    return gate.message if gate is not None and gate.message else "the gate was not passed"


def _too_few(report: Report) -> str:
    if report.dataset is None:
        return report.message or "too few examples"
    have, need = report.dataset.have, report.dataset.need
    remedy = "wait for more feedback, widen spec.dataset.window, or lower spec.dataset.minExamples"
    return f"{have} examples, {need} are needed: {remedy}"


def number(value: float) -> str:
    """Return a number as it stands in a status: four significant digits."""
    text = f"{value:.4g}"
    return "0" if text == "-0" else text
