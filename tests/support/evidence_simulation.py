"""Releases simulated person by person: how often does the judge raise a false alarm, and how soon does it see real
harm?

People stay in their arm and come back in every step. A person is right with an own probability; `icc` is how much of
the spread is between people. Each look is one closed batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from pawl.estimate import Question, estimate
from pawl.evidence import MetricEvidence
from pawl.stats.ratio import PairedDifference, RatioSums, paired_difference

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BATCH = 20


@dataclass(frozen=True)
class Setting:
    """One kind of release: people, steps with the candidate's share, interactions a person and step, and the truth."""

    people: int = 400
    shares: tuple[float, ...] = (0.25, 0.5, 0.75)
    interactions: int = 2
    icc: float = 0.3
    stable: float = 0.9
    candidate: float = 0.9
    paired: bool = False
    drift: float = 0.0


def looks(setting: Setting, rng: Random) -> Iterator[tuple[MetricEvidence, ...]]:
    """Yield the evidence at every look."""
    spread = (1.0 - setting.icc) / setting.icc
    people = [(rng.random(), rng.random(), rng.random()) for _ in range(setting.people)]
    closed: list[MetricEvidence] = []
    for number, share in enumerate(setting.shares, 1):
        arms = {"candidate": RatioSums(), "stable": RatioSums()}
        pairs: list[tuple[tuple[float, float], tuple[float, float]]] = []
        group = MetricEvidence("accuracy", number, 0, NOW, NOW)
        for count, (bucket, *quality) in enumerate(people, 1):
            arm = "candidate" if bucket < share else "stable"
            draws = {
                name: _answers(setting, name, number, quality[i if not setting.paired else 0], spread, rng)
                for i, name in enumerate(("candidate", "stable"))
                if setting.paired or name == arm
            }
            arms[arm] = arms[arm].add(*draws[arm])
            if setting.paired:
                pairs.append((draws["candidate"], draws["stable"]))
            if count % BATCH == 0:
                paired = _pair(pairs) if setting.paired else None
                group = MetricEvidence("accuracy", number, count // BATCH, NOW, NOW, dict(arms), paired)
                yield (*closed, group)
        closed.append(group)


def ever_failed(setting: Setting, margin: float, ask: Question, seed: int) -> int | None:
    """Return the number of the look at which harm beyond the margin was declared proven; None: never."""
    rng = Random(seed)
    for number, groups in enumerate(looks(setting, rng), 1):
        found = estimate(groups, ask)
        if found is not None and found.users >= 30 and found.upper < -margin:
            return number
    return None


def ever_safe(setting: Setting, margin: float, ask: Question, seed: int) -> bool:
    """Return whether the candidate was ever declared non-inferior."""
    rng = Random(seed)
    for groups in looks(setting, rng):
        found = estimate(groups, ask)
        if found is not None and found.users >= 30 and found.lower > -margin:
            return True
    return False


def _answers(setting: Setting, arm: str, step: int, quality: float, spread: float, rng: Random) -> tuple[float, float]:
    rate = setting.candidate if arm == "candidate" else setting.stable
    rate = min(0.999, max(0.001, rate - setting.drift * step))
    own = _beta(rate * spread, (1.0 - rate) * spread, quality)
    right = sum(rng.random() < own for _ in range(setting.interactions))
    return float(right), float(setting.interactions)


_TABLES: dict[tuple[float, float], list[float]] = {}


def _beta(a: float, b: float, level: float) -> float:
    """Return a quantile of Beta(a, b) from a table of draws: one person keeps one quality through all steps."""
    key = (round(a, 6), round(b, 6))
    if key not in _TABLES:
        rng = Random(7)
        _TABLES[key] = sorted(rng.betavariate(a, b) for _ in range(2000))
    return _TABLES[key][min(1999, int(level * 2000))]


def _pair(pairs: list[tuple[tuple[float, float], tuple[float, float]]]) -> PairedDifference:
    return paired_difference(pairs)
