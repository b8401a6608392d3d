"""The ways out of a release before its end: proven harm, a person's Abort, a candidate that was replaced or
withdrawn.
"""

from pawl.verdicts import Judgement
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.requests import aborted
from pawl_operator.kinds.rollout.rollback import Cause, roll_back
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.kinds.rollout.versions import candidate_of


def failed(draft: Draft, route: RouteState, judgement: Judgement) -> bool:
    """Roll back if the verdict is Fail; return whether it was."""
    if judgement.verdict != "Fail":
        return False
    message = judgement.message
    if not message.endswith("rolling back"):
        message = f"{message}: rolling back"
    cause = Cause(Reason(judgement.reason), message, t0=judgement.first_harm, t1=judgement.seen_at or draft.now)
    roll_back(draft, route, cause)
    return True


def abandoned(draft: Draft, route: RouteState) -> bool:
    """Roll back if a person aborted the release; return whether one did."""
    if not aborted(draft):
        return False
    message = f"release {draft.release.number} was aborted by a person: back to {draft.previous.revision}"
    roll_back(draft, route, Cause(Reason.ABORTED, message, t1=draft.now))
    return True


def replaced(draft: Draft, route: RouteState) -> bool:
    """Go back to stable first if the spec names another candidate now, or none; return whether it does."""
    release, wanted = draft.release, candidate_of(draft.spec)
    if wanted is not None and wanted.revision == release.revision:
        return False
    if wanted is None or wanted.revision == draft.stable.revision:
        message = f"candidate {release.revision} was withdrawn: back to stable"
        roll_back(draft, route, Cause(Reason.CANDIDATE_WITHDRAWN, message))
    else:
        message = f"candidate {release.revision} is superseded by {wanted.revision}: back to stable first"
        roll_back(draft, route, Cause(Reason.SUPERSEDED, message))
    return True


def resumed(draft: Draft, route: RouteState) -> None:
    """Go on with a rollback whose route change was made before the status could be written."""
    message = "a rollback had begun before the operator stopped, and goes on"
    roll_back(draft, route, Cause(Reason.ROLLBACK_RESUMED, message, t1=draft.now))
