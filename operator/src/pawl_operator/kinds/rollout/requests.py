"""spec.action: what a person asks for, looked at once per release and verb, and recorded with what became of it.

An action names its release, so a late click never moves another model. It stays in the spec after it was taken;
taking it out and putting it in again asks anew. An Abort is final: the revision is rejected until Retry. What could
not be done is not held against anybody: an Abort is looked at again as long as it stands in the spec, and so is a
Retry that came during the rollback. Everything else, asked too early, must be asked again: it would move traffic up.
"""

from pawl.api.rollout import RolloutAction
from pawl.api.rollout_status import LastAction
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.intent import resume
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.versions import candidate_of

BAKE_ENDED = "BakeEnded"
REFUSED = (Reason.OTHER_RELEASE, Reason.NOTHING_TO_DO)
NOT_TAKEN = (*REFUSED, Reason.ACTION_WAITS)


def note(draft: Draft) -> None:
    """Look at spec.action and record the result; later modules act on the record."""
    asked = draft.spec.action
    if asked is None:
        _forget(draft)
        return
    known = _record_of(draft, asked)
    if known is not None and _settled(draft, known, asked):
        return
    result = _take(draft, asked)
    if known is not None and _waits(known) and known.result == result:
        return
    draft.set(
        last_action=LastAction(verb=asked.verb, release=asked.release, generation=draft.seen.generation, result=result)
    )
    message = f"action {asked.verb} for release {asked.release}: {result}"
    reason = Reason(result) if result in NOT_TAKEN else Reason.ACTION_TAKEN
    draft.event("Warning" if result in REFUSED else "Normal", reason, message)


def mark_as_taken(draft: Draft) -> None:
    """Record the action in the spec without doing it: it was asked before the status was lost."""
    asked, generation = draft.spec.action, draft.seen.generation
    if asked is not None:
        lost = LastAction(verb=asked.verb, release=asked.release, generation=generation, result=Reason.STATUS_LOST)
        draft.set(last_action=lost)


def aborted(draft: Draft) -> bool:
    """Return whether a person aborted the present release."""
    return _recorded(draft, "Abort", Reason.ACTION_TAKEN)


def promoting(draft: Draft) -> bool:
    """Return whether a person asked to skip the remaining holds of the present release."""
    return _recorded(draft, "Promote", Reason.ACTION_TAKEN)


def bake_ended(draft: Draft) -> bool:
    """Return whether a person asked to end the bake of the present release."""
    return _recorded(draft, "Promote", BAKE_ENDED)


def approved(draft: Draft) -> bool:
    """Return whether the pause of the present step was approved."""
    return _recorded(draft, "Approve", f"ApprovedStep{draft.release.step}")


def _recorded(draft: Draft, verb: str, result: str) -> bool:
    last = draft.status.last_action
    return last is not None and (last.verb, last.release, last.result) == (verb, draft.release.number, result)


def _forget(draft: Draft) -> None:
    """Taken out of the spec, an action may be asked anew; an Abort or Promote that was taken goes on."""
    last, release = draft.status.last_action, draft.live
    if last is None or (last.verb == "Abort" and last.result == Reason.ACTION_TAKEN):
        return
    if last.verb == "Promote" and release is not None and promoting(draft) and release.state != "Baking":
        return
    draft.set(last_action=None)


def _record_of(draft: Draft, asked: RolloutAction) -> LastAction | None:
    last = draft.status.last_action
    return last if last is not None and (last.verb, last.release) == (asked.verb, asked.release) else None


def _settled(draft: Draft, known: LastAction, asked: RolloutAction) -> bool:
    if asked.verb != "Approve" or asked.step is None:
        return not _waits(known)
    return known.generation == draft.seen.generation or known.result.endswith(f"Step{asked.step}")


def _waits(known: LastAction) -> bool:
    """Return whether what could not be done yet may still be done."""
    return known.result == Reason.ACTION_WAITS or (known.verb == "Abort" and known.result in REFUSED)


def _take(draft: Draft, asked: RolloutAction) -> str:
    if asked.verb == "Retry":
        return _retry(draft, asked)
    release = draft.live
    if release is None or release.state == "RollingBack":
        return Reason.NOTHING_TO_DO
    if asked.release != release.number:
        return Reason.OTHER_RELEASE
    match asked.verb:
        case "Promote":
            return BAKE_ENDED if release.state == "Baking" else Reason.ACTION_TAKEN
        case "Approve":
            return _approve(draft, asked)
        case "Repin":
            draft.set_traffic(restored=0)
            if release.paused == "Brake":
                resume(draft)
    return Reason.ACTION_TAKEN


def _approve(draft: Draft, asked: RolloutAction) -> str:
    release = draft.release
    if asked.step not in (None, release.step):
        return Reason.NOTHING_TO_DO
    if release.paused == "Brake":
        resume(draft)
        return f"ResumedStep{release.step}"
    # Approving while the hold still runs is fine: the pause then ends with the hold.
    if release.state == "Progressing" and release.step > 0 and release.plan.steps[release.step - 1].pause:
        return f"ApprovedStep{release.step}"
    return Reason.NOTHING_TO_DO


def _retry(draft: Draft, asked: RolloutAction) -> str:
    release, candidate = draft.live, candidate_of(draft.spec)
    if release is not None and release.state == "RollingBack" and release.number == asked.release:
        return Reason.ACTION_WAITS
    kept = tuple(
        entry
        for entry in draft.status.rejected
        if candidate is None or (entry.revision, entry.release) != (candidate.revision, asked.release)
    )
    if release is not None or len(kept) == len(draft.status.rejected):
        return Reason.NOTHING_TO_DO
    draft.set(rejected=kept)
    return Reason.ACTION_TAKEN
