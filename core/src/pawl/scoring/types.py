"""What every score function takes and gives, and the two ways in which it cannot score."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Score(NamedTuple):
    """One interaction's part of a ratio; sums over interactions, never averages of them, make the metric."""

    numerator: float
    denominator: float


class TruthError(ValueError):
    """The truth has not the shape that the score compares with; the label cannot be used for anybody."""


class AnswerError(ValueError):
    """The answer has not the shape of an answer and the score has no worst value to give it."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """A component's score.

    `score(output, truth)` raises TruthError or AnswerError; `best(score)` tells whether an answer could not have been
    better; `binary` scores are 0 or 1 over 1.
    """

    name: str
    score: Callable[[object, object], Score]
    best: Callable[[Score], bool]
    binary: bool = False
