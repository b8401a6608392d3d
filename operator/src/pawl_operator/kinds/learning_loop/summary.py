"""The end of a pass: phase, message, the active child and the conditions, for people and for `kubectl wait`."""

from pawl_operator.kinds.conditions import Value, renewed
from pawl_operator.kinds.learning_loop.draft import ACTIVE, MESSAGE_LIMIT, Draft
from pawl_operator.kinds.learning_loop.need import Need
from pawl_operator.kinds.learning_loop.reasons import Reason

ORDER = ("Ready", "Accepted", "NeedKnown", "Queued")


def sum_up(draft: Draft, need: Need) -> None:
    """Write phase, message, active, observedGeneration and the conditions."""
    trouble = draft.refusal or draft.trouble
    sentences = [*(["suspended: nothing new begins"] if draft.spec.suspend else []), *draft.said]
    message = "; ".join([*([trouble[1]] if trouble is not None else []), *sentences])[:MESSAGE_LIMIT]
    draft.set(phase=_phase(draft), message=message, active=_active(draft), observed_generation=draft.seen.generation)
    working = _working(draft)
    _set(draft, "Ready", "False" if trouble else "True", *(trouble or (working, message)))
    accepted = draft.refusal or (Reason.ACCEPTED, "the spec can be carried out")
    _set(draft, "Accepted", "False" if draft.refusal else "True", *accepted)
    _set(draft, "NeedKnown", _known(need), need.reason, need.message)
    queued = (Reason.QUEUED, draft.queued) if draft.queued else (Reason.NOTHING_QUEUED, "no version waits")
    _set(draft, "Queued", "True" if draft.queued else "False", *queued)


def _phase(draft: Draft) -> str:
    """Return the state in one word: the turn with a child at work goes before one that waits or is released."""
    for states in (ACTIVE, ("Queued",), ("AwaitingApproval",), ("Releasing",)):
        turn = draft.turn_in(*states)
        if turn is not None:
            return turn.state
    if draft.refusal is not None:
        return "Pending"
    return "Suspended" if draft.spec.suspend else "Waiting"


def _active(draft: Draft) -> str:
    turn = draft.turn_in(*ACTIVE)
    if turn is None:
        return ""
    kind = "TrainingRun" if turn.state == "Training" else "Experiment"
    return f"{kind}/{draft.name}-{turn.number}"


def _working(draft: Draft) -> Reason:
    found = {
        "Training": Reason.TRAINING,
        "Experimenting": Reason.EXPERIMENTING,
        "Queued": Reason.QUEUED,
        "AwaitingApproval": Reason.AWAITING_APPROVAL,
        "Releasing": Reason.RELEASING,
        "Suspended": Reason.SUSPENDED,
    }
    return found.get(str(draft.status.phase), draft.idle)


def _known(need: Need) -> Value:
    if need.have is not None:
        return "True"
    return "Unknown" if need.reason in (Reason.RECOUNTING, Reason.NOT_ASKED) else "False"


def _set(draft: Draft, kind: str, value: Value, reason: str, message: str) -> None:
    seen, held = draft.seen, draft.status.conditions
    told = renewed(held, kind, value, reason, message, generation=seen.generation, now=draft.now, order=ORDER)
    draft.set(conditions=told)
