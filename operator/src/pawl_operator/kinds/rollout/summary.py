"""The end of a pass: phase, message and the conditions that sum up, for people and for `kubectl wait`."""

from pawl.api.rollout_status import Phase
from pawl_operator.kinds.rollout.conditions import PATIENCE, set_condition, truth, unverified_for
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.upkeep import answers
from pawl_operator.kinds.rollout.versions import candidate_of

_OF_A_RELEASE = ("MetricsAvailable", "RouteConflict", "Underpowered", "ClockSkew")
_DEGRADED = (Reason.REJECTED_CANDIDATE, Reason.STABLE_NOT_READY, Reason.INVALID_SPEC)
_STANDING = (Reason.STALLED, Reason.SUSPENDED, Reason.AWAITING_APPROVAL, Reason.BRAKED)


def sum_up(draft: Draft) -> None:
    """Write phase, message, observedGeneration and the conditions Ready, Accepted and Progressing."""
    if draft.live is None:
        kept = tuple(entry for entry in draft.status.conditions if entry.type not in _OF_A_RELEASE)
        draft.set(conditions=kept)
    draft.set(phase=phase_of(draft), message=draft.message, observed_generation=draft.seen.generation)
    _accepted(draft)
    _progressing(draft)
    _ready(draft)


def phase_of(draft: Draft) -> Phase:
    """Return the state in one word."""
    if draft.status.stable is None:
        return "Pending"
    if draft.refusal is not None:
        return "Degraded"
    release = draft.live
    if release is None:
        return _phase_at_rest(draft)
    if release.state == "RollingBack":
        return "RollingBack"
    if release.paused is not None or draft.reason is Reason.SUSPENDED:
        return "Paused"
    return "Baking" if release.state == "Baking" else "Progressing"


def _phase_at_rest(draft: Draft) -> Phase:
    before = draft.seen.rollout.status.release
    if before is not None and before.state == "RollingBack":
        # It ended in this pass; what comes of that, and whether all is well, the next one sees.
        return "RollingBack"
    return "Degraded" if draft.reason in _DEGRADED or _ails(draft) else "Healthy"


def _ails(draft: Draft) -> bool:
    """Return whether a person should look, although nothing is on its way: stable does not answer, the candidate is
    refused, or the gateway has not confirmed the route for longer than it takes.
    """
    stable, candidate = draft.stable.revision, candidate_of(draft.spec)
    other = candidate.revision if candidate is not None and candidate.revision != stable else ""
    return (
        not answers(draft.seen.workloads.get(stable))
        or draft.rejection_of(other) is not None
        or unverified_for(draft) >= PATIENCE
    )


def _accepted(draft: Draft) -> None:
    if draft.refusal is not None:
        set_condition(draft, "Accepted", "False", draft.refusal, draft.message)
    else:
        set_condition(draft, "Accepted", "True", Reason.ACCEPTED, "the spec can be carried out")


def _progressing(draft: Draft) -> None:
    going = draft.live is not None and draft.reason not in _STANDING and draft.refusal is None
    set_condition(draft, "Progressing", truth(going), draft.reason, draft.message)


def _ready(draft: Draft) -> None:
    stable = draft.status.stable
    if stable is None:
        set_condition(draft, "Ready", "False", draft.reason, "no revision is stable yet")
        return
    answering = answers(draft.seen.workloads.get(stable.revision))
    reason = Reason.STABLE if answering else Reason.STABLE_NOT_READY
    said = f"stable {stable.revision} answers" if answering else f"no pod of stable {stable.revision} is ready"
    set_condition(draft, "Ready", truth(answering), reason, said)
