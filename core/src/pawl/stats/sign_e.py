"""F14 (and F6b): the sign e-process on discordant pairs, a Beta mixture over "which of the two was wrong".

Both models answer the same request; ``worse`` counts pairs in which only the candidate was wrong, ``better`` those in
which only stable was. If neither is better, each discordant pair is a fair coin, and E ever reaches 1/alpha with
probability at most alpha: exact. With a prior of strength k it is the errors-only test of two equally large groups
(Lindon and Malek 2022).
"""

from math import log

from pawl.stats.special import log_beta, log_binomial_half_tail


def log_e_two_sided(worse: int, better: int, *, strength: int = 2) -> float:
    """Return log E against "equally good". ``strength`` k >= 2, even: the prior is Beta(k/2, k/2); 2 is uniform."""
    half = _half(worse, better, strength)
    return log_beta(half + worse, half + better) - log_beta(half, half) + (worse + better) * log(2.0)


def log_e_harm(worse: int, better: int, *, strength: int = 2) -> float:
    """Return log E against "the candidate is not worse": the mixture keeps to the side on which it is."""
    half = _half(worse, better, strength)
    # P(Beta(a, b) > 1/2) = P(Binomial(a + b - 1, 1/2) <= a - 1) for whole a, b.
    upper = log_binomial_half_tail(worse + better + 2 * half - 1, half + worse - 1)
    return log_e_two_sided(worse, better, strength=strength) + log(2.0) + upper


def _half(worse: int, better: int, strength: int) -> int:
    if worse < 0 or better < 0 or strength < 2 or strength % 2:
        raise ValueError(f"counts must be >= 0 and strength even and >= 2, got {worse}, {better}, {strength}")
    return strength // 2
