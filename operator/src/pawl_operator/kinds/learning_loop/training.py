"""A turn that trains: its TrainingRun is made, watched, and what came of it is taken over.

learnedUntil moves when a training has succeeded, whatever its gate said: the examples have been learned from. It stays
where it is when the training failed, so that the same examples start the next turn (`starting`).
"""

from pawl.api.learning_loop import Champion, Turn
from pawl_operator.kinds.learning_loop.actions import CreateTrainingRun
from pawl_operator.kinds.learning_loop.draft import Draft
from pawl_operator.kinds.learning_loop.queueing import queue
from pawl_operator.kinds.learning_loop.reasons import Reason
from pawl_operator.kinds.learning_loop.snapshot import RunState


def train(draft: Draft, turn: Turn) -> None:
    """Advance a turn in state Training."""
    run = draft.seen.runs.get(turn.number)
    if run is None:
        _make(draft, turn)
        return
    turn = draft.set_turn(turn.number, training_run=run.name)
    if run.outcome is None:
        _wait(draft, run)
    elif run.outcome == "Failed":
        reason = run.reason or Reason.TRAINING_FAILED
        draft.end(turn, "TrainingFailed", reason, f"{run.name} failed: {run.message}")
    else:
        _learned(draft, turn, run)


def _make(draft: Draft, turn: Turn) -> None:
    name = f"{draft.name}-{turn.number}"
    if turn.number in draft.seen.taken:
        draft.end(turn, "Lost", Reason.NAME_TAKEN, f"{name} is there and belongs to somebody else")
    elif turn.training_run:
        draft.end(turn, "Lost", Reason.CHILD_DELETED, f"TrainingRun {name} was deleted before it was finished")
    else:
        draft.act(CreateTrainingRun(turn.number, turn.champion or Champion(revision="", source="none")))
        draft.say(f"turn {turn.number} begins: {turn.examples} new examples")


def _wait(draft: Draft, run: RunState) -> None:
    draft.say(f"TrainingRun {run.name} is on its way")
    if run.refusal:
        remedy = f"correct what it names, or delete {run.name} to end the turn"
        draft.trouble = Reason.CHILD_REFUSED, f"TrainingRun {run.name} is not accepted ({run.refusal}): {remedy}"


def _learned(draft: Draft, turn: Turn, run: RunState) -> None:
    until = max(run.until, draft.status.learned_until or run.until)
    draft.set(learned_until=until, learned_at=draft.now)
    if run.registered is not None:
        message = f"turn {turn.number}: {run.registered.source} is registered"
        draft.event("Normal", Reason.REGISTERED, message)
        queue(draft, draft.set_turn(turn.number, state="Queued", registered=run.registered))
    elif run.passed is False:
        draft.end(turn, "GateRefused", Reason.GATE_REFUSED, f"{run.name} was not better: {run.message}")
    else:
        draft.end(turn, "NotRegistered", Reason.NOT_REGISTERED, f"{run.name} registered nothing: {run.message}")
