"""A turn whose version is compared with what is live: its Experiment is made, watched, and its decision taken over."""

from pawl.api.learning_loop import Turn
from pawl_operator.kinds.learning_loop.actions import CreateExperiment
from pawl_operator.kinds.learning_loop.draft import Draft
from pawl_operator.kinds.learning_loop.reasons import Reason
from pawl_operator.kinds.learning_loop.releasing import hand_over
from pawl_operator.kinds.learning_loop.snapshot import ExperimentState


def experiment(draft: Draft, turn: Turn) -> None:
    """Advance a turn in state Experimenting."""
    found = draft.seen.experiments.get(turn.number)
    if found is None:
        _make(draft, turn)
        return
    turn = draft.set_turn(turn.number, experiment=found.name)
    if not found.complete:
        _wait(draft, found)
    elif found.decision == "Ship":
        hand_over(draft, turn)
    else:
        decision = found.decision or "Invalid"
        draft.end(turn, "NotShipped", decision, f"{found.name} decided {decision}: {found.message}")


def _make(draft: Draft, turn: Turn) -> None:
    name = f"{draft.name}-{turn.number}"
    if turn.number in draft.seen.taken:
        draft.end(turn, "Lost", Reason.NAME_TAKEN, f"{name} is there and belongs to somebody else")
    elif turn.experiment or turn.registered is None:
        draft.end(turn, "Lost", Reason.CHILD_DELETED, f"Experiment {name} was deleted before it was decided")
    else:
        draft.act(CreateExperiment(turn.number, turn.registered))
        message = f"turn {turn.number}: Experiment {name} compares {turn.registered.source} with what is live"
        draft.event("Normal", Reason.EXPERIMENTING, message)
        draft.say(message)


def _wait(draft: Draft, found: ExperimentState) -> None:
    draft.say(f"Experiment {found.name} is on its way")
    if found.refusal:
        remedy = f"correct what it names, or delete {found.name} to end the turn"
        draft.trouble = Reason.CHILD_REFUSED, f"Experiment {found.name} is not accepted ({found.refusal}): {remedy}"
