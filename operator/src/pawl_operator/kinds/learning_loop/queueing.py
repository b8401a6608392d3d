"""A registered version waits until nothing stands in its way; the newest wins.

What its gate was measured against must still be live when its turn comes. If stable has moved meanwhile, the turn
ends, and the next one, which needs no new examples, trains on all that is known and faces the new champion.
"""

from pawl.api.learning_loop import Turn
from pawl.api.rollout import Rollout
from pawl.api.training_run import Registered
from pawl_operator.kinds.learning_loop.draft import ACTIVE, Draft
from pawl_operator.kinds.learning_loop.experimenting import experiment
from pawl_operator.kinds.learning_loop.reasons import Reason
from pawl_operator.kinds.learning_loop.releasing import hand_over, supersede
from pawl_operator.kinds.learning_loop.version import (
    has_moved,
    is_stable,
    last_release,
    live_release,
    rejection,
)


def queue(draft: Draft, turn: Turn) -> None:
    """Advance a turn in state Queued."""
    version, rollout = turn.registered, draft.rollout
    supersede(draft, turn, "Queued")
    obstacle = _obstacle(draft, turn)
    if version is None or rollout is None or obstacle:
        draft.queued = (
            f"version {version.source if version is not None else '?'} of turn {turn.number} waits: {obstacle}"
        )
        draft.say(draft.queued)
    elif not _is_void(draft, turn, rollout, version):
        _go(draft, turn, rollout)


def _obstacle(draft: Draft, turn: Turn) -> str:
    """Return what the version waits for, empty when its turn has come."""
    rollout, other = draft.rollout, draft.turn_in(*ACTIVE)
    if draft.refusal is not None or rollout is None:
        return draft.refusal[1] if draft.refusal is not None else "there is no Rollout"
    if draft.spec.suspend:
        return "the loop is suspended"
    release, ahead = live_release(rollout), draft.turn_in("Releasing")
    if release is not None:
        return f"release {release.number} of Rollout {draft.rollout_name} is on its way"
    if ahead is not None:
        return f"turn {ahead.number} is being released"
    if other is not None:
        return f"turn {other.number} is on its way"
    return "" if rollout.status.stable is not None else f"Rollout {draft.rollout_name} has no stable revision yet"


def _is_void(draft: Draft, turn: Turn, rollout: Rollout, version: Registered) -> bool:
    """End the turn where there is nothing to try any more."""
    refused = rejection(rollout, version)
    if is_stable(rollout, version):
        draft.end(turn, "Unchanged", Reason.SAME_AS_STABLE, f"{version.source} is what is live already")
    elif refused:
        draft.end(turn, "NotShipped", Reason.REJECTED_CANDIDATE, f"{version.source} is refused: {refused}")
    elif has_moved(rollout, turn.champion):
        message = f"stable moved while {version.source} waited: the gate is run again in the next turn"
        draft.end(turn, "StableMoved", Reason.STABLE_MOVED, message)
    else:
        return False
    return True


def _go(draft: Draft, turn: Turn, rollout: Rollout) -> None:
    turn = draft.set_turn(turn.number, release_before=last_release(rollout))
    if draft.spec.stage == "None":
        hand_over(draft, turn)
    else:
        experiment(draft, draft.set_turn(turn.number, state="Experimenting"))
