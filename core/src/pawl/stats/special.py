"""The few special functions that the tests need and `math` lacks, in log space where they would underflow."""

from math import erfc, exp, fsum, inf, lgamma, log, log1p, log2, pi, sqrt

_TAIL = -8.0


def log_beta(a: float, b: float) -> float:
    """Return ln B(a, b) for a, b > 0."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def normal_cdf(x: float) -> float:
    """Return the standard normal distribution function at x."""
    return erfc(-x / sqrt(2.0)) / 2.0


def log_normal_cdf(x: float) -> float:
    """Return ln of the standard normal distribution function; far left by its asymptotic series, so it never
    underflows.
    """
    if x > _TAIL:
        return log(normal_cdf(x))
    square = 1.0 / (x * x)
    series = 1.0 - square * (1.0 - square * (3.0 - square * (15.0 - 105.0 * square)))
    return -x * x / 2.0 - log(-x) - log(2.0 * pi) / 2.0 + log(series)


def log_binomial_half_tail(trials: int, at_most: int) -> float:
    """Return ln P(X <= at_most) for X ~ Binomial(trials, 1/2); -inf if at_most < 0. Exact sums up to rounding."""
    if at_most < 0:
        return -inf
    if at_most >= trials:
        return 0.0
    top = min(at_most, trials // 2)
    if at_most > top:
        # The larger half is one minus the smaller one, which is the sum that keeps its digits.
        return log1p(-exp(log_binomial_half_tail(trials, trials - at_most - 1)))
    whole = lgamma(trials + 1)
    terms = [whole - lgamma(k + 1) - lgamma(trials - k + 1) for k in range(top + 1)]
    peak = max(terms)
    return peak + log(fsum(exp(term - peak) for term in terms)) - trials / log2(exp(1.0))
