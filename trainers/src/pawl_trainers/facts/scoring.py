"""Exact slot-and-span F1 over messages, with an interval that treats people, not messages, as the sample."""

from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Self

import numpy as np

from pawl_trainers.facts.spans import Fact

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Counts:
    """Facts found rightly, found wrongly, and missed; each at least 0."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0

    @classmethod
    def of(cls, predicted: Set[Fact], truth: Set[Fact]) -> Self:
        """Count one message: a fact is right only if slot, start and end all agree."""
        right = len(predicted & truth)
        return cls(right, len(predicted) - right, len(truth) - right)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
        )

    @property
    def precision(self) -> float:
        """Share of the found facts that are right, 0 where none was found."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Share of the true facts that were found, 0 where there are none."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """2TP / (2TP + FP + FN), the harmonic mean of precision and recall; 0 where nothing was found or true."""
        return _share(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)


@dataclass(frozen=True, slots=True)
class Score:
    """Micro F1 over all messages with a 95 % interval by person (percentile bootstrap)."""

    f1: float
    lower: float
    upper: float
    precision: float
    recall: float
    messages: int
    people: int
    facts: int


@dataclass(frozen=True, slots=True)
class Judged:
    """One message's prediction beside its truth."""

    person: str
    predicted: frozenset[Fact]
    truth: frozenset[Fact]


def score(judged: Iterable[Judged], seed: int = 0) -> Score:
    """Score predictions; the same input and seed give the same interval."""
    messages = list(judged)
    by_person: dict[str, Counts] = defaultdict(Counts)
    for message in messages:
        by_person[message.person] += Counts.of(message.predicted, message.truth)
    total = sum(by_person.values(), Counts())
    lower, upper = interval_by_person([by_person[person] for person in sorted(by_person)], seed)
    return Score(
        f1=total.f1,
        lower=lower,
        upper=upper,
        precision=total.precision,
        recall=total.recall,
        messages=len(messages),
        people=len(by_person),
        facts=total.true_positive + total.false_negative,
    )


def interval_by_person(people: list[Counts], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of micro F1 over people drawn with replacement; (0, 0) for nobody.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, with the person as the unit.
    """
    if not people:
        return 0.0, 0.0
    doubled = np.array([2 * counts.true_positive for counts in people])
    errors = np.array([counts.false_positive + counts.false_negative for counts in people])
    drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
    right, wrong = doubled[drawn].sum(axis=1), errors[drawn].sum(axis=1)
    ratios = right / np.maximum(right + wrong, 1)
    lower, upper = np.percentile(ratios, [2.5, 97.5])
    return float(lower), float(upper)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
