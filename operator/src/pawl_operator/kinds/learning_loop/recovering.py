"""A lost status: the children tell how far the loop had come."""

from pawl.api.learning_loop import Champion, Turn
from pawl.api.training_run import Registered
from pawl_operator.kinds.learning_loop.draft import Draft
from pawl_operator.kinds.learning_loop.reasons import Reason


def recover(draft: Draft) -> None:
    """Take up again what is on its way, and do not count as new what has been learned from; the history is gone."""
    seen, numbers = draft.seen, [*draft.seen.runs, *draft.seen.experiments]
    if draft.status.turn or not numbers:
        return
    learned = [run.until for run in seen.runs.values() if run.outcome == "Succeeded"]
    draft.set(turn=max(numbers), learned_until=max(learned, default=None), learned_at=draft.now if learned else None)
    turn = _experimenting(draft) or _training(draft)
    if turn is not None:
        draft.set(turns=(turn,))


def _experimenting(draft: Draft) -> Turn | None:
    numbers = [number for number, trial in draft.seen.experiments.items() if not trial.complete]
    if not numbers:
        return None
    source, digest = draft.seen.experiments[max(numbers)].treatment
    version = Registered(source=source, digest=digest)
    return _turn(draft, max(numbers)).model_copy(update={"state": "Experimenting", "registered": version})


def _training(draft: Draft) -> Turn | None:
    numbers = [number for number, run in draft.seen.runs.items() if run.outcome is None]
    return _turn(draft, max(numbers)) if numbers else None


def _turn(draft: Draft, number: int) -> Turn:
    run = draft.seen.runs.get(number)
    source, digest = run.champion if run is not None else ("", "")
    return Turn(
        number=number,
        state="Training",
        started_at=run.created_at if run is not None else draft.now,
        cause=Reason.RECOVERED,
        champion=Champion(revision="", source=source, digest=digest),
    )
