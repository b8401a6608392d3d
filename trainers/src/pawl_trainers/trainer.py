"""What every trainer is: a function from labelled examples to a directory with a model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

Report = Callable[[float, str], None]
"""Takes the part of the work that is done (0 to 1) and a sentence for people."""


class TrainingError(ValueError):
    """A model cannot be trained; the message names field, value and remedy."""


@dataclass(frozen=True, slots=True)
class Example:
    """One interaction whose right answer is known.

    `row_id` is the interaction's identifier, `person` the pseudonym of its user, `time` when it took place. `input`,
    for the trainers of facts, is a text or an object with member `text`; `truth` a list of {slot, start, end} in
    characters (`end` exclusive), or an object whose only member is such a list.
    """

    row_id: str
    person: str
    time: datetime
    input: Any
    truth: Any


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What a trainer is given. Nobody is both in `train` and in `validation`.

    `workspace` is an empty directory of its own that outlives the call; `distributed` says that the call is made
    inside a Ray cluster, whose workers may be used.
    """

    train: Sequence[Example]
    validation: Sequence[Example]
    base_model: str | None
    parameters: Mapping[str, str]
    seed: int
    workspace: Path
    distributed: bool
    report: Report


class Trainer(Protocol):
    """Learns from examples. The same job gives the same model where its libraries allow it."""

    def fit(self, job: TrainingJob) -> Path:
        """Return a directory with the model's files only, `model.json` with {"format": <trainer's name>} among them.

        Raises TrainingError where the examples or the parameters do not allow training.
        """
        ...
