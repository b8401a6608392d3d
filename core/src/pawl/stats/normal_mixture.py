"""F1: the normal mixture of a sub-Gaussian sum, two-sided and one-sided (Howard, Ramdas, McAuliffe, Sekhon 2021, eq.
14).

``total`` is a sum S with intrinsic time V (its variance so far). exp(log M) is a supermartingale that starts at 1:
under the null it ever reaches 1/alpha with probability at most alpha, however often one looks.
"""

from math import exp, log, sqrt

from pawl.stats.special import log_normal_cdf


def rho_for(variance: float, alpha: float) -> float:
    """Return the mixing parameter that makes the two-sided bound tightest at intrinsic time ``variance`` > 0.

    For the one-sided mixture pass 2 * alpha. ``alpha`` lies in (0, 1).
    """
    need = 2.0 * log(1.0 / alpha)
    return variance / (need + log(1.0 + need))


def log_two_sided(total: float, variance: float, rho: float) -> float:
    """Return log M of the two-sided mixture at S = ``total``, V = ``variance`` >= 0, rho > 0."""
    return 0.5 * log(rho / (variance + rho)) + total * total / (2.0 * (variance + rho))


def log_one_sided(total: float, variance: float, rho: float) -> float:
    """Return log M of the one-sided mixture, which grows only when S is large and positive."""
    spread = variance + rho
    return 0.5 * log(4.0 * rho / spread) + total * total / (2.0 * spread) + log_normal_cdf(total / sqrt(spread))


def two_sided_bound(variance: float, rho: float, alpha: float) -> float:
    """Return the radius u with P(exists a time: |S| >= u(V)) <= alpha."""
    return sqrt((variance + rho) * (log(1.0 + variance / rho) + 2.0 * log(1.0 / alpha)))


def one_sided_bound(variance: float, rho: float, alpha: float) -> float:
    """Return the height u with P(exists a time: S >= u(V)) <= alpha, found by bisection to a relative 1e-12."""
    threshold = log(1.0 / alpha)
    low, high = 0.0, two_sided_bound(variance, rho, alpha)
    while high - low > 1e-12 * max(1.0, high):
        middle = (low + high) / 2.0
        if log_one_sided(middle, variance, rho) < threshold:
            low = middle
        else:
            high = middle
    return high


def e_value(log_m: float) -> float:
    """Return exp(log M), capped so that it never overflows."""
    return exp(min(log_m, 700.0))
