"""F10: the sequential test of a sample ratio mismatch: do users fall into the arms as the weights say? (Lindon and
Malek 2022)

log E compares a Dirichlet mixture around the expected shares with the shares themselves; it may be looked at after
every user and reaches ln(1/alpha) with probability at most alpha while the assignment is as declared.
"""

from collections.abc import Sequence
from math import fsum, lgamma, log

DEFAULT_STRENGTH = 1000.0


def log_e(counts: Sequence[int], shares: Sequence[float], *, strength: float = DEFAULT_STRENGTH) -> float:
    """Return log E of users per arm against their expected shares.

    ``counts`` >= 0 and ``shares`` > 0 are of equal length; shares are scaled to sum 1. ``strength`` > 0 is how
    strongly the mixture sticks to the expected shares: large finds small deviations late, small finds large ones
    early.

    Raises:
        ValueError: lengths differ, or a value is out of range.
    """
    if len(counts) != len(shares) or not counts:
        raise ValueError(f"counts and shares must have one entry an arm, got {len(counts)} and {len(shares)}")
    if min(counts) < 0 or min(shares) <= 0 or strength <= 0:
        raise ValueError(
            f"counts must be >= 0, shares and strength > 0, got {list(counts)}, {list(shares)}, {strength}"
        )
    total = fsum(shares)
    prior = [strength * share / total for share in shares]
    mixture = _log_multi_beta([p + c for p, c in zip(prior, counts, strict=True)]) - _log_multi_beta(prior)
    return mixture - fsum(c * log(share / total) for c, share in zip(counts, shares, strict=True))


def _log_multi_beta(parameters: Sequence[float]) -> float:
    return fsum(lgamma(p) for p in parameters) - lgamma(fsum(parameters))
