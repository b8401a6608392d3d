"""Trains the linear tagger: features, logistic regression, and a threshold chosen by cross-validation over people."""

# scikit-learn and scipy ship no types.
# mypy: disable-error-code="import-untyped"

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from pawl_trainers.facts.examples import Labelled
from pawl_trainers.facts.scoring import Counts
from pawl_trainers.facts.spans import Fact
from pawl_trainers.linear_tagger.features import Word, features_of, words_of
from pawl_trainers.linear_tagger.model import OUTSIDE, LinearTagger, decode
from pawl_trainers.trainer import Report

THRESHOLDS = tuple(round(0.10 + 0.025 * step, 3) for step in range(17))


@dataclass(frozen=True, slots=True)
class Settings:
    """Hyperparameters; the defaults were chosen by cross-validation within the people trained on."""

    inverse_penalty: float = 1.0
    min_count: int = 2
    folds: int = 5
    max_iterations: int = 200
    tolerance: float = 1e-4
    seed: int = 0


@dataclass(frozen=True)
class Prepared:
    """A message prepared for training: words, their features, and its true facts."""

    person: str
    words: list[Word]
    features: list[list[str]]
    truth: frozenset[Fact]


@dataclass(frozen=True)
class Trained:
    """A tagger with what is known of it from its own training people; F1 is cross-validated at the chosen threshold."""

    tagger: LinearTagger
    cross_validated_f1: float
    messages: int
    people: int
    seconds: float


def _silent(part: float, message: str) -> None:
    """The default of `report`: say nothing."""


def train(messages: Sequence[Labelled], settings: Settings, report: Report = _silent) -> Trained:
    """Train on `messages`; raises ValueError where they hold no fact or too few people for the folds."""
    began = time.monotonic()
    examples = [_prepared(message) for message in messages]
    people = {example.person for example in examples}
    if len(people) < settings.folds:
        raise ValueError(f"messages: {len(people)} people are fewer than {settings.folds} folds; give more people")
    if not any(example.truth for example in examples):
        raise ValueError("messages: none holds a fact; there is nothing to learn")
    # One thread: a second one only spins on matrices this small, and a sum's order would differ from run to run.
    with threadpool_limits(limits=1):
        threshold, f1 = choose_threshold(examples, settings, report)
        tagger = fit(examples, settings, threshold)
    seconds = time.monotonic() - began
    report(1.0, f"trained on {len(examples)} messages of {len(people)} people in {seconds:.1f} s")
    return Trained(tagger, f1, len(examples), len(people), seconds)


def fit(examples: Sequence[Prepared], settings: Settings, threshold: float) -> LinearTagger:
    """Fit the weights on all words of `examples`; the order of features and classes is sorted, hence reproducible."""
    vocabulary = _vocabulary(examples, settings.min_count)
    labels = np.array([label for example in examples for label in _labels(example)])
    regression = LogisticRegression(
        C=settings.inverse_penalty,
        max_iter=settings.max_iterations,
        tol=settings.tolerance,
        random_state=settings.seed,
    ).fit(_matrix(examples, vocabulary), labels)
    return LinearTagger(vocabulary, *_outside_first(regression), threshold=threshold)


def choose_threshold(examples: Sequence[Prepared], settings: Settings, report: Report = _silent) -> tuple[float, float]:
    """Return the threshold with the best F1 on people left out of the fit, and that F1."""
    counts = dict.fromkeys(THRESHOLDS, Counts())
    people = np.array([example.person for example in examples])
    for number, (kept, left_out) in enumerate(GroupKFold(settings.folds).split(people, groups=people), start=1):
        tagger = fit([examples[index] for index in kept], settings, threshold=0.5)
        for threshold, found in _counts(tagger, [examples[index] for index in left_out]).items():
            counts[threshold] += found
        report(number / (settings.folds + 1), f"cross-validation {number}/{settings.folds}")
    best = max(THRESHOLDS, key=lambda threshold: counts[threshold].f1)
    return best, counts[best].f1


def _counts(tagger: LinearTagger, examples: Iterable[Prepared]) -> dict[float, Counts]:
    totals = dict.fromkeys(THRESHOLDS, Counts())
    for example in examples:
        if not example.words:
            continue
        probabilities = tagger.probabilities(example.words)
        for threshold in THRESHOLDS:
            found = decode(example.words, probabilities, tagger.classes, threshold)
            totals[threshold] += Counts.of({item.fact for item in found}, example.truth)
    return totals


def _prepared(message: Labelled) -> Prepared:
    words = words_of(message.text)
    return Prepared(message.person, words, features_of(words), message.facts)


def _labels(example: Prepared) -> list[str]:
    labels = [OUTSIDE] * len(example.words)
    for fact in sorted(example.truth):
        for index, word in enumerate(example.words):
            if word.start < fact.end and word.end > fact.start:
                labels[index] = fact.slot
    return labels


def _vocabulary(examples: Sequence[Prepared], min_count: int) -> dict[str, int]:
    seen = Counter(name for example in examples for names in example.features for name in names)
    return {name: row for row, name in enumerate(sorted(name for name, times in seen.items() if times >= min_count))}


def _matrix(examples: Sequence[Prepared], vocabulary: dict[str, int]) -> sparse.csr_matrix:
    columns: list[int] = []
    starts = [0]
    for example in examples:
        for names in example.features:
            columns.extend(sorted({row for name in names if (row := vocabulary.get(name)) is not None}))
            starts.append(len(columns))
    ones = np.ones(len(columns), dtype=np.float32)
    return sparse.csr_matrix((ones, columns, starts), shape=(len(starts) - 1, len(vocabulary)))


def _outside_first(regression: LogisticRegression) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return classes with OUTSIDE in front and weights of shape (features + 1, classes) in the same order."""
    names = [str(name) for name in regression.classes_]
    order = [names.index(OUTSIDE), *(index for index, name in enumerate(names) if name != OUTSIDE)]
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(names) == 2:  # scikit-learn keeps one row for two classes: that of the second
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
        intercepts = np.array([-intercepts[0] / 2, intercepts[0] / 2])
    stacked = np.vstack([coefficients[order].T, intercepts[order]])
    return tuple(names[index] for index in order), stacked.astype(np.float32)
