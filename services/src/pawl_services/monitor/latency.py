"""Where "slow" begins: fixed once in a release, from stable's own first answers."""

from collections.abc import Sequence
from math import ceil

SAMPLES = 50
PERCENTILE = 0.95


def threshold(latencies: Sequence[float], factor: float) -> float:
    """`factor` times the 95th percentile (nearest rank) of milliseconds; `latencies` must not be empty."""
    rank = ceil(PERCENTILE * len(latencies))
    return factor * sorted(latencies)[rank - 1]


class ThresholdSampler:
    """Collects stable's first `SAMPLES` latencies in the order they were received, so that a restart finds the same."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._seen: list[float] = []

    def observe(self, latency_ms: float) -> float | None:
        """Take in one of stable's latencies; the threshold in milliseconds with the last one that is needed."""
        self._seen.append(latency_ms)
        return threshold(self._seen, self._factor) if len(self._seen) == SAMPLES else None
