"""The end of a pass: phase, message and the conditions that sum up, for people and for `kubectl wait`."""

from pawl.api.rollout_status import Phase
from pawl_operator.kinds.rollout.conditions import set_condition, truth
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.reasons import Reason

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
    release = draft.live
    if release is not None and draft.refusal is None:
        if release.state == "RollingBack":
            return "RollingBack"
        if release.paused is not None or draft.reason is Reason.SUSPENDED:
            return "Paused"
        return "Baking" if release.state == "Baking" else "Progressing"
    return "Degraded" if draft.refusal is not None or draft.reason in _DEGRADED else "Healthy"


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
    have = draft.seen.workloads.get(stable.revision)
    answering = have is not None and have.ready > 0
    reason = Reason.STABLE if answering else Reason.STABLE_NOT_READY
    said = f"stable {stable.revision} answers" if answering else f"no pod of stable {stable.revision} is ready"
    set_condition(draft, "Ready", truth(answering), reason, said)
