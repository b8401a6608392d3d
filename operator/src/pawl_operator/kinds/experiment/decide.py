"""What to do about one Experiment: a pure function of what was seen and the time. Nothing here waits, reads or writes.

decided            stay so; a shipped treatment becomes the candidate      here
suspended          the traffic goes back, evidence stays                   here
not acceptable     say which field, and what would do                      admission
waiting            until the Rollout has given it the traffic              here
running            judge what was measured, decide when it is enough       judging

It writes no route: the Rollout reads from `status.phase` whether traffic is asked for, and says in its own
`status.trial` what it gave. A decision is never taken back.
"""

from datetime import datetime, timedelta

from pawl.api.experiment import ControlStatus, Decision, TreatmentStatus
from pawl.api.rollout import Rollout
from pawl.api.rollout_status import TrialStatus
from pawl.durations import parse_duration
from pawl_operator.kinds.experiment.actions import Plan, SetCandidate
from pawl_operator.kinds.experiment.admission import refusal
from pawl_operator.kinds.experiment.draft import Draft
from pawl_operator.kinds.experiment.judging import consider
from pawl_operator.kinds.experiment.reasons import Reason
from pawl_operator.kinds.experiment.snapshot import ExperimentSnapshot
from pawl_operator.kinds.rollout.versions import resolve

LATER = timedelta(seconds=10)
_GOOD: tuple[Decision, ...] = ("Ship", "KeepControl")


def decide(seen: ExperimentSnapshot, now: datetime) -> Plan:
    """Return the next status, actions, events and the next wake-up. ``now`` is aware, in any zone."""
    draft = Draft(seen, now, seen.experiment.status)
    if draft.status.decision is not None:
        _after(draft)
    elif draft.spec.suspend:
        _suspended(draft)
    else:
        refused = refusal(draft)
        if refused is not None:
            _refuse(draft, *refused)
        elif seen.rollout is not None:
            _go_on(draft, seen.rollout)
    return draft.plan()


def _refuse(draft: Draft, reason: Reason, message: str) -> None:
    draft.say("Accepted", "False", reason, message)
    draft.say("TrafficGranted", "False", reason, "not asked for")
    draft.stand("Pending", message)
    draft.wake(LATER)


def _suspended(draft: Draft) -> None:
    message = "suspended: all users are at stable; what was counted stays"
    draft.say("TrafficGranted", "False", Reason.SUSPENDED, message)
    draft.stand("Pending", message)


def _go_on(draft: Draft, rollout: Rollout) -> None:
    draft.say("Accepted", "True", Reason.ACCEPTED, "the question can be asked")
    stable = rollout.status.stable
    if stable is not None and resolve(rollout.spec, draft.treatment_version).revision == stable.revision:
        message = f"the treatment is what is live already ({stable.revision}): name another version"
        _end(draft, "Invalid", Reason.TREATMENT_IS_STABLE, message)
        return
    if draft.status.control is not None and stable is not None and draft.status.control.revision != stable.revision:
        message = f"control was {draft.status.control.revision}, and {stable.revision} is live now: ask again"
        _end(draft, "Invalid", Reason.STABLE_CHANGED, message)
        return
    trial = rollout.status.trial
    mine = trial if trial is not None and trial.uid == draft.seen.uid else None
    if mine is not None and mine.cause:
        _end(draft, "Reject", mine.cause, mine.message)
    elif mine is not None and mine.state == "Running" and mine.running_at is not None:
        _run(draft, mine, mine.running_at)
    else:
        _wait(draft, rollout, mine)


def _wait(draft: Draft, rollout: Rollout, mine: TrialStatus | None) -> None:
    reason, message = _why_not_yet(rollout, mine)
    draft.say("TrafficGranted", "False", reason, message)
    draft.say("Complete", "False", Reason.UNDECIDED, "no decision yet")
    draft.stand("Waiting", message)
    draft.wake(LATER)


def _why_not_yet(rollout: Rollout, mine: TrialStatus | None) -> tuple[Reason, str]:
    name, holder = rollout.metadata.name, rollout.status.traffic.holder
    if mine is not None:
        return Reason.GETTING_READY, mine.message or f"Rollout {name} makes the treatment ready"
    if holder is not None:
        return Reason.ROUTE_HELD, f"{holder.kind} {holder.name} has the traffic of Rollout {name}"
    return Reason.ROUTE_HELD, f"waiting for the traffic of Rollout {name}: {rollout.status.message}"


def _run(draft: Draft, trial: TrialStatus, running_at: datetime) -> None:
    _note_start(draft, trial, running_at)
    draft.say("TrafficGranted", "True", Reason.GRANTED, f"{trial.weight} percent of users meet the treatment")
    judgement = consider(draft, draft.status.started_at or running_at)
    if judgement.decision is not None:
        _end(draft, judgement.decision, judgement.reason, judgement.message)
        return
    draft.say("Complete", "False", judgement.reason, judgement.message)
    draft.stand("Running", judgement.message)
    draft.wake(judgement.wake_at)
    draft.wake(parse_duration(draft.spec.analysis.interval))


def _note_start(draft: Draft, trial: TrialStatus, running_at: datetime) -> None:
    """Freeze the arms when the first user is assigned; an interruption later does not start the clock anew."""
    if draft.status.started_at is not None:
        return
    arm, control = trial.treatment, trial.control
    draft.set(
        started_at=running_at,
        control=ControlStatus(revision=control.revision, source=control.source, digest=control.digest),
        treatment=TreatmentStatus(revision=arm.revision, source=arm.source, digest=arm.digest, variant=arm.variant),
    )
    draft.event("Normal", Reason.STARTED, f"{arm.revision} against {control.revision}: users are assigned")


def _end(draft: Draft, decision: Decision, reason: Reason | str, message: str) -> None:
    draft.set(decision=decision, reason=str(reason), finished_at=draft.now)
    said = f"{decision}: {message}"
    draft.say("Complete", "True", reason, said)
    draft.stand("Complete", said)
    draft.event("Normal" if decision in _GOOD else "Warning", reason, said)
    _after(draft)


def _after(draft: Draft) -> None:
    """Keep the decision, say when the traffic is back, and make a shipped treatment the candidate, once."""
    rollout = draft.seen.rollout
    trial = rollout.status.trial if rollout is not None else None
    if trial is not None and trial.uid == draft.seen.uid:
        draft.say("TrafficGranted", "True", Reason.RETURNED, "the Rollout is taking all users back to stable")
        draft.wake(LATER)
    else:
        draft.say("TrafficGranted", "False", Reason.RETURNED, "all users are at stable, verified")
    if draft.status.decision != "Ship" or draft.spec.on_ship != "SetCandidate" or draft.status.candidate_set_at:
        return
    if rollout is None:
        draft.wake(LATER)
    elif rollout.spec.candidate == draft.treatment_version:
        draft.set(candidate_set_at=draft.now)
        draft.event(
            "Normal", Reason.CANDIDATE_SET, f"the treatment is the candidate of Rollout {rollout.metadata.name}"
        )
    else:
        draft.actions.append(SetCandidate(rollout.metadata.name, draft.treatment_version))
        draft.wake(timedelta(seconds=1))
