"""Children that nobody needs any more: those of ended turns that still work, and finished ones beyond historyLimits.

A child of a turn under way is never touched.
"""

from collections.abc import Iterator
from typing import Literal

from pawl_operator.kinds.learning_loop.actions import DeleteChild
from pawl_operator.kinds.learning_loop.draft import Draft
from pawl_operator.kinds.learning_loop.snapshot import ExperimentState, RunState


def tidy(draft: Draft) -> None:
    """Ask for the deletion of what is left over or too old."""
    for action in (*leftovers(draft), *_beyond_limits(draft)):
        draft.act(action)


def leftovers(draft: Draft) -> tuple[DeleteChild, ...]:
    """Return the deletions of children that work for no turn."""
    return tuple(action for _, finished, _, action in _free(draft) if not finished)


def _beyond_limits(draft: Draft) -> Iterator[DeleteChild]:
    limits = draft.spec.history_limits
    ended = [entry for entry in sorted(_free(draft), key=lambda entry: entry[0], reverse=True) if entry[1]]
    for kind in ("TrainingRun", "Experiment"):
        for good, limit in ((True, limits.successful), (False, limits.failed)):
            of_kind = [action for _, _, well, action in ended if action.kind == kind and well == good]
            yield from of_kind[limit:]


def _free(draft: Draft) -> Iterator[tuple[int, bool, bool, DeleteChild]]:
    """Give number, whether it is finished, whether that went well, and the deletion of each child of no turn."""
    for number, run in draft.seen.runs.items():
        if draft.turn(number) is None:
            yield number, run.outcome is not None, run.outcome == "Succeeded", _delete("TrainingRun", run)
    for number, trial in draft.seen.experiments.items():
        if draft.turn(number) is None:
            well = trial.decision not in ("", "Invalid")
            yield number, trial.complete, well, _delete("Experiment", trial)


def _delete(kind: Literal["TrainingRun", "Experiment"], child: RunState | ExperimentState) -> DeleteChild:
    return DeleteChild(kind, child.name, child.uid)
