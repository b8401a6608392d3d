"""F12: a ratio of sums over users with a standard error that is robust to the clustering within users (delta method).

Sums of one arm: K users, each with a numerator S and a denominator N; mean and m2 (sum of squared deviations) of
both, and their comoment. R = mean(S) / mean(N). All are what Welford's update leaves behind, so they can be merged
and survive restarts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Self


@dataclass(frozen=True, slots=True)
class RatioSums:
    """Sufficient statistics of K users; ``denominator_mean`` must be > 0 wherever a ratio is asked for."""

    users: int = 0
    mean: float = 0.0
    m2: float = 0.0
    denominator_mean: float = 0.0
    denominator_m2: float = 0.0
    comoment: float = 0.0

    def add(self, numerator: float, denominator: float = 1.0) -> Self:
        """Return the sums with one more user."""
        return self.merge(type(self)(1, numerator, 0.0, denominator, 0.0, 0.0))

    def merge(self, other: Self) -> Self:
        """Return the sums of both groups of users together (Chan's update)."""
        total = self.users + other.users
        if total == 0:
            return self
        share = other.users / total
        cross = self.users * share
        step, denominator_step = other.mean - self.mean, other.denominator_mean - self.denominator_mean
        return type(self)(
            total,
            self.mean + step * share,
            self.m2 + other.m2 + step * step * cross,
            self.denominator_mean + denominator_step * share,
            self.denominator_m2 + other.denominator_m2 + denominator_step * denominator_step * cross,
            self.comoment + other.comoment + step * denominator_step * cross,
        )

    @property
    def ratio(self) -> float:
        """R, the numerator's total over the denominator's.

        Raises:
            ZeroDivisionError: no denominator was seen.
        """
        return self.mean / self.denominator_mean

    @property
    def influence_m2(self) -> float:
        """Sum over users of squared ((S - R N) / mean(N)), clipped at 0 against rounding."""
        r = self.ratio
        total = self.m2 - 2.0 * r * self.comoment + r * r * self.denominator_m2
        return max(0.0, total) / self.denominator_mean**2

    @property
    def standard_error(self) -> float:
        """Standard error of R, with K - 1; needs at least two users."""
        return sqrt(self.influence_m2 / ((self.users - 1) * self.users))


def sums_of(pairs: Iterable[tuple[float, float]]) -> RatioSums:
    """Return the sums of (numerator, denominator), one pair a user."""
    sums = RatioSums()
    for numerator, denominator in pairs:
        sums = sums.add(numerator, denominator)
    return sums


def difference_error(first_error: float, second_error: float, covariance: float = 0.0) -> float:
    """Return the standard error of a difference of two estimates with the given errors and covariance.

    Users in one arm only: 0. Users in both: the covariance of the two means (`paired_error` takes it from the users
    themselves).
    """
    return sqrt(max(0.0, first_error**2 + second_error**2 - 2.0 * covariance))


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """R_candidate - R_stable over users who have both, and the sum of squares of its linearised terms."""

    users: int
    mean: float
    m2: float

    @property
    def standard_error(self) -> float:
        """Standard error of the difference, with n - 1; needs at least two users."""
        return sqrt(self.m2 / (self.users * (self.users - 1)))


def paired_difference(pairs: Iterable[tuple[tuple[float, float], tuple[float, float]]]) -> PairedDifference:
    """Return the difference of two ratios over the same users, so that its error holds their covariance.

    Each user gives ((S_candidate, N_candidate), (S_stable, N_stable)). A user's term is
    (S_c - R_c N_c) / mean(N_c) - (S_s - R_s N_s) / mean(N_s); the terms sum to zero, their squares give ``m2``.

    Raises:
        ZeroDivisionError: an arm has no denominator at all.
    """
    users = list(pairs)
    candidate, stable = sums_of(c for c, _ in users), sums_of(s for _, s in users)
    terms = [_influence(c, candidate) - _influence(s, stable) for c, s in users]
    return PairedDifference(len(users), candidate.ratio - stable.ratio, sum(term * term for term in terms))


def _influence(user: tuple[float, float], arm: RatioSums) -> float:
    return (user[0] - arm.ratio * user[1]) / arm.denominator_mean
