"""exact: right or wrong. squared-error: how far a number is from the true one."""

from math import isfinite

from pawl.scoring.types import AnswerError, Score, TruthError

LARGEST = 1e60
"""A model that has diverged is as wrong as can be; its square must still have a square that a database can hold."""


def exact(output: object, truth: object) -> Score:
    """1 over 1 where both are the same JSON value (order of members and 1 or 1.0 do not matter), else 0 over 1."""
    return Score(1 if same(output, truth) else 0, 1)


def right(score: Score) -> bool:
    """Whether an exact score is 1."""
    return score.numerator == 1


def squared_error(output: object, truth: object) -> Score:
    """(output - truth) squared, at most LARGEST, over 1.

    Raises:
        TruthError: the truth is no finite number.
        AnswerError: the answer is none.
    """
    wanted, said = _number(truth), _number(output)
    if wanted is None:
        raise TruthError("the truth of squared-error is a number")
    if said is None:
        raise AnswerError("the answer is no number, and a squared error has no largest value")
    return Score(min((said - wanted) ** 2, LARGEST), 1)


def no_error(score: Score) -> bool:
    """Whether a squared error is 0."""
    return score.numerator == 0


def same(one: object, other: object) -> bool:
    """Equality of JSON values: unlike Python's, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e150 and isfinite(value) else None
