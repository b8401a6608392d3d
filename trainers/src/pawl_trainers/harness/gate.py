"""Compares a new version with the champion on the same examples: a paired bootstrap by person, and the verdict.

One person's examples are alike, so people, not examples, are drawn with replacement; both models are scored on the same
draw, so what is common to both cancels out (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13:
percentile intervals).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawl.rates import parse_difference, parse_rate
from pawl.scoring.types import Score
from pawl_trainers.harness.plan import Gate
from pawl_trainers.harness.report import GateFinding

RESAMPLES = (1_000, 10_000)
"""At least and at most; between them as many as `_DRAWS` draws of a person allow: many people need fewer."""
MIN_PEOPLE = 10
"""Fewer people's percentiles say little of people in general: with one, the interval would have no width at all."""
_DRAWS = 20_000_000
_CELLS = 2_000_000

ByPerson = Mapping[str, Score]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its one-sided bounds at alpha and the ends of its two-sided interval at 1 - alpha."""

    value: float
    bound: float
    upper_bound: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The new version's score, and, where there is a champion, its score and the difference (new - champion)."""

    people: int
    new: Estimate
    champion: Estimate | None = None
    difference: Estimate | None = None


def compare(new: ByPerson, champion: ByPerson | None, alpha: float, seed: int) -> Comparison:
    """Compare per-person sums of scores over the same people; the same input and seed give the same numbers.

    Raises:
        ValueError: nobody is judged, or the two are of different people.
    """
    people = sorted(new)
    if not people or (champion is not None and sorted(champion) != people):
        raise ValueError(f"the gate needs the same people for both versions, and somebody: it has {len(people)}")
    models = [new] if champion is None else [new, champion]
    sums = np.array([[value for model in models for value in model[person]] for person in people], dtype=np.float64)
    drawn = _ratios(resampled(sums, seed, resamples_for(len(people))))
    observed = _ratios(sums.sum(axis=0, keepdims=True))[0]
    estimates = [_estimate(observed[at], drawn[:, at], alpha) for at in range(len(models))]
    if champion is None:
        return Comparison(len(people), estimates[0])
    difference = _estimate(observed[0] - observed[1], drawn[:, 0] - drawn[:, 1], alpha)
    return Comparison(len(people), estimates[0], estimates[1], difference)


def resamples_for(people: int) -> int:
    """Return how many samples of so many people are drawn."""
    least, most = RESAMPLES
    return max(least, min(most, _DRAWS // people))


def resampled(sums: Floats, seed: int, resamples: int) -> Floats:
    """Return the column totals of `resamples` draws of rows with replacement: shape (resamples, columns)."""
    random, people = np.random.default_rng(seed), len(sums)
    size = max(1, _CELLS // people)
    blocks = [
        random.multinomial(people, np.full(people, 1 / people), size=min(size, resamples - start)) @ sums
        for start in range(0, resamples, size)
    ]
    return np.concatenate(blocks)


def verdict(comparison: Comparison, gate: Gate) -> GateFinding:
    """Return whether the new version may be registered, and why."""
    shown = comparison.difference or comparison.new
    reasons = _reasons(comparison, gate)
    message = f"refused: {'; '.join(reasons)}" if reasons else f"passed: {_grounds(comparison, gate)}"
    return GateFinding(not reasons, shown.value, shown.bound, shown.upper_bound, message)


def _reasons(comparison: Comparison, gate: Gate) -> list[str]:
    reasons = []
    if comparison.people < MIN_PEOPLE and comparison.difference is not None:
        remedy = "raise dataset.split.testPercent or wait for more people"
        reasons.append(f"{comparison.people} people are judged by, fewer than {MIN_PEOPLE}: {remedy}")
    if comparison.difference is not None and not comparison.difference.bound > parse_difference(gate.min_improvement):
        found = _shown(comparison.difference)
        reasons.append(f"the improvement is {found}, its lower bound must be above {gate.min_improvement}")
    if gate.floor is not None and comparison.new.value < parse_rate(gate.floor):
        reasons.append(f"the score is {comparison.new.value:.3f}, below the floor {gate.floor}")
    return reasons


def _grounds(comparison: Comparison, gate: Gate) -> str:
    if comparison.difference is not None:
        return f"{_shown(comparison.difference)} more than the champion, lower bound above {gate.min_improvement}"
    floor = f"at or above the floor {gate.floor}" if gate.floor is not None else "neither champion nor floor is set"
    return f"the score is {_shown(comparison.new)}, {floor}"


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.bound:.3f} to {estimate.upper_bound:.3f})"


def _ratios(totals: Floats) -> Floats:
    """Columns come in pairs of numerator and denominator; where nothing was said and nothing true the score is 0."""
    numerators, denominators = totals[:, 0::2], totals[:, 1::2]
    return np.divide(numerators, denominators, out=np.zeros_like(numerators), where=denominators > 0)


def _estimate(value: float, drawn: Floats, alpha: float) -> Estimate:
    bound, upper_bound, lower, upper = np.quantile(drawn, [alpha, 1 - alpha, alpha / 2, 1 - alpha / 2])
    return Estimate(float(value), float(bound), float(upper_bound), float(lower), float(upper))
