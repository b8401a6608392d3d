"""spec.action: what a person asks for, looked at once per release and verb, and recorded with what became of it.

An action names its release, so a late click never moves another model. It stays in the spec after it was taken;
taking it out and putting it in again asks anew for Approve, Repin, and the Promote that ends a bake. An Abort is
final: the revision is rejected until Retry.
"""

from pawl.api.rollout import RolloutAction
from pawl.api.rollout_status import LastAction
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.intent import resume
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.versions import candidate_of

BAKE_ENDED = "BakeEnded"


def note(draft: Draft) -> None:
    """Look at spec.action and record the result; later modules act on the record."""
    asked = draft.spec.action
    if asked is None:
        _forget(draft)
        return
    if _seen(draft, asked):
        return
    result = _take(draft, asked)
    draft.set(
        last_action=LastAction(verb=asked.verb, release=asked.release, generation=draft.seen.generation, result=result)
    )
    taken = result not in (Reason.OTHER_RELEASE, Reason.NOTHING_TO_DO)
    message = f"action {asked.verb} for release {asked.release}: {result}"
    draft.event("Normal" if taken else "Warning", Reason.ACTION_TAKEN if taken else Reason(result), message)


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
    last, release = draft.status.last_action, draft.live
    if last is None or last.verb in ("Abort", "Retry"):
        return
    if last.verb == "Promote" and release is not None and release.state in ("Preparing", "Progressing"):
        return
    draft.set(last_action=None)


def _seen(draft: Draft, asked: RolloutAction) -> bool:
    last = draft.status.last_action
    if last is None or (last.verb, last.release) != (asked.verb, asked.release):
        return False
    if asked.verb != "Approve" or asked.step is None:
        return True
    return last.generation == draft.seen.generation or last.result.endswith(f"Step{asked.step}")


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
    candidate = candidate_of(draft.spec)
    kept = tuple(
        entry
        for entry in draft.status.rejected
        if candidate is None or (entry.revision, entry.release) != (candidate.revision, asked.release)
    )
    if draft.live is not None or len(kept) == len(draft.status.rejected):
        return Reason.NOTHING_TO_DO
    draft.set(rejected=kept)
    return Reason.ACTION_TAKEN
