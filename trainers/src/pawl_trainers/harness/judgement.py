"""From answers to test examples to the gate's finding and the metrics of a report."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pawl.rates import parse_rate
from pawl.scoring.registry import SCORERS
from pawl.scoring.types import Score
from pawl_trainers.harness.gate import Comparison, Estimate, compare, verdict
from pawl_trainers.harness.plan import Plan
from pawl_trainers.harness.report import GateFinding
from pawl_trainers.trainer import Example

_METRIC = {"span-f1": "f1", "exact": "accuracy"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's finding and what was measured, by name."""

    gate: GateFinding
    metrics: Mapping[str, float]


def judge(plan: Plan, test: Sequence[Example], new: Sequence[object], champion: Sequence[object] | None) -> Judgement:
    """Score the answers to `test`, in its order, and let the gate decide; every trainer is scored here alike."""
    alpha = parse_rate(plan.gate.alpha)
    theirs = None if champion is None else _by_person(plan.score, test, champion)
    comparison = compare(_by_person(plan.score, test, new), theirs, alpha, plan.seed)
    return Judgement(verdict(comparison, plan.gate), _metrics(comparison, _METRIC[plan.score]))


def _by_person(score: str, test: Sequence[Example], answers: Sequence[object]) -> dict[str, Score]:
    totals: dict[str, Score] = defaultdict(lambda: Score(0, 0))
    for example, answer in zip(test, answers, strict=True):
        one, sum_ = SCORERS[score].score(answer, example.truth), totals[example.person]
        totals[example.person] = Score(sum_.numerator + one.numerator, sum_.denominator + one.denominator)
    return dict(totals)


def _metrics(comparison: Comparison, name: str) -> dict[str, float]:
    found = _named(name, comparison.new)
    if comparison.champion is not None and comparison.difference is not None:
        found |= _named(f"champion-{name}", comparison.champion) | _named("difference", comparison.difference)
    return found | {"test-people": float(comparison.people)}


def _named(name: str, estimate: Estimate) -> dict[str, float]:
    """A metric with its two-sided interval."""
    return {name: estimate.value, f"{name}-lower": estimate.lower, f"{name}-upper": estimate.upper}
