"""The trained tagger: one matrix of weights, applied with numpy alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawl_trainers.facts.spans import OUTSIDE, Fact
from pawl_trainers.linear_tagger.features import Word, features_of, words_of

__all__ = ["OUTSIDE", "Found", "LinearTagger", "decode"]


@dataclass(frozen=True, slots=True)
class Found:
    """A fact with the tagger's confidence in it, between 0 and 1."""

    fact: Fact
    confidence: float


@dataclass(frozen=True)
class LinearTagger:
    """Multinomial logistic regression over binary features of each word.

    `weights` has shape (features + 1, classes), its last row the intercepts. `classes[0]` is OUTSIDE, the rest are
    slots.
    """

    vocabulary: Mapping[str, int]
    classes: Sequence[str]
    weights: NDArray[np.float32]
    threshold: float

    def find(self, text: str) -> list[Found]:
        """Return the facts of a message in the order of the text."""
        words = words_of(text)
        if not words:
            return []
        return decode(words, self.probabilities(words), self.classes, self.threshold)

    def probabilities(self, words: list[Word]) -> NDArray[np.float64]:
        """Return each word's probability of each class, shape (words, classes)."""
        scores = np.stack([self._scores(names) for names in features_of(words)])
        scores -= scores.max(axis=1, keepdims=True)
        powers = np.exp(scores)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def _scores(self, names: list[str]) -> NDArray[np.float64]:
        rows = {row for name in names if (row := self.vocabulary.get(name)) is not None}
        chosen = self.weights[[*sorted(rows), -1]]
        return np.asarray(chosen.sum(axis=0, dtype=np.float64))


def decode(words: Sequence[Word], probabilities: NDArray[Any], classes: Sequence[str], threshold: float) -> list[Found]:
    """Join neighbouring words of one slot to facts.

    A word belongs to a fact when its probability of being outside is at most 1 - `threshold`; the slot is the most
    probable one. A fact's confidence is the mean over its words of the probability of its slot.
    """
    inside = 1 - probabilities[:, 0] >= threshold
    best = probabilities[:, 1:].argmax(axis=1) + 1
    found: list[Found] = []
    start = 0
    while start < len(words):
        end = start + 1
        if inside[start]:
            while end < len(words) and inside[end] and best[end] == best[start]:
                end += 1
            fact = Fact(words[start].start, words[end - 1].end, classes[best[start]])
            found.append(Found(fact, float(probabilities[start:end, best[start]].mean())))
        start = end
    return found
