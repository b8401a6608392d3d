"""F2: asymptotic confidence sequences on a mean from its standard error (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas
2021).

The interval holds at all looks together, asymptotically: begin at about 30 units an arm. ``expected`` (N*) is where
the interval is tightest; it has to be fixed before the first look. Multipliers at alpha 0.05 and n = N*: 3.0352
two-sided, 2.7791 one-sided.
"""

from math import exp, inf, log, sqrt


def two_sided_width(n: float, standard_error: float, *, alpha: float, expected: float) -> float:
    """Return the half-width of the two-sided interval after ``n`` units (both arms together); infinite for n <= 0."""
    _check(alpha, expected)
    if n <= 0:
        return inf
    r2 = _tuning(alpha, expected)
    return standard_error * sqrt(2.0 * (n * r2 + 1.0) / (n * r2) * log(sqrt(n * r2 + 1.0) / alpha))


def one_sided_width(n: float, standard_error: float, *, alpha: float, expected: float) -> float:
    """Return the distance of a one-sided bound from the estimate after ``n`` units; infinite for n <= 0."""
    _check(alpha, expected)
    if n <= 0:
        return inf
    r2 = _tuning(2.0 * alpha, expected)
    return standard_error * sqrt(2.0 * (n * r2 + 1.0) / (n * r2) * log(1.0 + sqrt(n * r2 + 1.0) / (2.0 * alpha)))


def two_sided_p(n: float, z: float, *, alpha: float, expected: float) -> float:
    """Return the always-valid p-value of the two-sided sequence that was tuned for ``alpha``; z = estimate / standard
    error.
    """
    _check(alpha, expected)
    r2 = _tuning(alpha, expected)
    return min(1.0, sqrt(n * r2 + 1.0) * exp(-r2 * z * z * n / (2.0 * (n * r2 + 1.0))))


def needed(deviation: float, width: float, *, alpha: float, expected: float, most: float = 1e12) -> float:
    """Return how many units it takes until a one-sided bound lies within ``width`` > 0 of its estimate.

    ``deviation`` is sqrt(n) times the standard error now, taken as constant. Returns ``most`` where even that is too
    few.
    """
    if width <= 0:
        return most
    low, high = 1.0, most
    for _ in range(200):
        middle = sqrt(low * high)
        if one_sided_width(middle, deviation / sqrt(middle), alpha=alpha, expected=expected) > width:
            low = middle
        else:
            high = middle
        if high / low < 1.0 + 1e-9:
            break
    return high


def _tuning(alpha: float, expected: float) -> float:
    return (-2.0 * log(alpha) + log(1.0 - 2.0 * log(alpha))) / expected


def _check(alpha: float, expected: float) -> None:
    # One-sided bounds tune at 2 * alpha, whose logarithm has to stay negative.
    if not 0.0 < alpha < 0.5 or expected <= 0:
        raise ValueError(f"alpha must lie in (0, 0.5) and expected be > 0, got {alpha} and {expected}")
