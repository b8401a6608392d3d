"""A version that has shown itself: it becomes the candidate, by the Experiment, by the loop or by a person, and from
there on all is the Rollout's; the loop only watches what becomes of it.
"""

from datetime import timedelta

from pawl.api.learning_loop import Turn, TurnState
from pawl.api.rollout import Rollout
from pawl.api.rollout_status import Outcome
from pawl.api.training_run import Registered
from pawl_operator.kinds.learning_loop.actions import SetCandidate
from pawl_operator.kinds.learning_loop.draft import LATER, Draft
from pawl_operator.kinds.learning_loop.reasons import Reason
from pawl_operator.kinds.learning_loop.version import (
    ended_release,
    has_moved,
    is_candidate,
    is_stable,
    live_release,
    rejection,
    release_of,
)
from pawl_operator.kinds.rollout.draft import LIVE

HANDOVER = timedelta(minutes=10)
"""How long an Experiment that has shipped may take to set the candidate."""


def hand_over(draft: Draft, turn: Turn) -> None:
    """Let a version become the candidate, or a person decide that it does."""
    manual = draft.spec.approval == "Manual"
    supersede(draft, turn, "AwaitingApproval")
    turn = draft.set_turn(turn.number, state="AwaitingApproval" if manual else "Releasing", handed_over_at=draft.now)
    if manual and turn.registered is not None:
        draft.event("Normal", Reason.AWAITING_APPROVAL, _question(draft, turn, turn.registered))
        await_approval(draft, turn)
    else:
        follow(draft, turn)


def supersede(draft: Draft, turn: Turn, state: TurnState) -> None:
    """End older turns in that state: the newest wins."""
    for older in draft.status.turns:
        if older.number < turn.number and older.state == state:
            message = f"turn {turn.number} brought a newer version before this one could be released"
            draft.end(older, "Superseded", Reason.NEWER_VERSION, message)


def await_approval(draft: Draft, turn: Turn) -> None:
    """Advance a turn in state AwaitingApproval."""
    version, rollout = turn.registered, draft.rollout
    if version is None or rollout is None:
        _rollout_gone(draft, turn)
    elif draft.spec.approval == "Automatic" or _taken_up(rollout, turn, version):
        follow(draft, draft.set_turn(turn.number, state="Releasing", handed_over_at=draft.now))
    elif has_moved(rollout, turn.champion):
        message = f"stable moved while {version.source} waited for a person: the gate is run again in the next turn"
        draft.end(turn, "StableMoved", Reason.STABLE_MOVED, message)
    else:
        draft.say(_question(draft, turn, version))


def follow(draft: Draft, turn: Turn) -> None:
    """Advance a turn in state Releasing."""
    version, rollout = turn.registered, draft.rollout
    if version is None or rollout is None:
        _rollout_gone(draft, turn)
        return
    release = release_of(rollout, turn, version)
    if release is not None:
        turn = draft.set_turn(turn.number, release=release.number, candidate_seen=True)
    ended = ended_release(rollout, turn, version)
    if release is not None and release.state in LIVE:
        step = f"step {release.step} of {release.total_steps}" if release.state == "Progressing" else release.state
        draft.say(f"turn {turn.number} is release {release.number} of Rollout {draft.rollout_name}: {step}")
    elif ended is not None:
        _ended(draft, draft.set_turn(turn.number, release=ended.release), ended.outcome, ended.cause, ended.message)
    elif is_stable(rollout, version):
        _ended(draft, turn, "Promoted", "", f"{version.source} is what is live")
    else:
        _not_begun(draft, turn, rollout, version)


def _question(draft: Draft, turn: Turn, version: Registered) -> str:
    shown = f"source: {version.source}" + (f", digest: {version.digest}" if version.digest else "")
    return f"turn {turn.number} waits for a person: set spec.candidate of Rollout {draft.rollout_name} to {shown}"


def _not_begun(draft: Draft, turn: Turn, rollout: Rollout, version: Registered) -> None:
    refused = rejection(rollout, version)
    if refused:
        draft.end(turn, "NotShipped", Reason.REJECTED_CANDIDATE, f"{version.source} is refused: {refused}")
    elif is_candidate(rollout, version):
        draft.set_turn(turn.number, candidate_seen=True)
        draft.say(
            f"turn {turn.number}: {version.source} is the candidate of Rollout {draft.rollout_name}, which begins"
        )
    elif turn.candidate_seen:
        message = f"another candidate was set before {version.source} began its release"
        draft.end(turn, "Superseded", Reason.CANDIDATE_REPLACED, message)
    else:
        _set(draft, turn, rollout, version)


def _set(draft: Draft, turn: Turn, rollout: Rollout, version: Registered) -> None:
    trial, other = draft.seen.experiments.get(turn.number), live_release(rollout)
    since = turn.handed_over_at or draft.now
    if trial is not None and trial.sets_candidate:
        draft.say(f"turn {turn.number}: Experiment {trial.name} is setting the candidate")
        draft.wake(since + HANDOVER)
        if draft.now - since >= HANDOVER:
            message = f"Experiment {trial.name} has not set the candidate within ten minutes"
            draft.end(turn, "Superseded", Reason.CANDIDATE_NOT_SET, message)
    elif other is not None:
        draft.say(f"turn {turn.number} waits: release {other.number} of Rollout {draft.rollout_name} is on its way")
    else:
        # Written before the status, so whoever replaces it later is seen as having done so.
        draft.act(SetCandidate(version))
        draft.set_turn(turn.number, candidate_seen=True)
        message = f"turn {turn.number}: {version.source} becomes the candidate of Rollout {draft.rollout_name}"
        draft.event("Normal", Reason.RELEASING, message)
        draft.say(message)
        draft.wake(LATER)


def _taken_up(rollout: Rollout, turn: Turn, version: Registered) -> bool:
    found = (release_of(rollout, turn, version), ended_release(rollout, turn, version))
    return any(found) or is_candidate(rollout, version) or is_stable(rollout, version)


def _ended(draft: Draft, turn: Turn, outcome: Outcome, cause: str, message: str) -> None:
    draft.end(turn, outcome, cause or (Reason.PROMOTED if outcome == "Promoted" else outcome), message)


def _rollout_gone(draft: Draft, turn: Turn) -> None:
    message = f"Rollout {draft.rollout_name} is gone, and with it this version's way to the users"
    draft.end(turn, "Lost", Reason.ROLLOUT_NOT_FOUND, message)
