"""What must hold of the statistics for every input."""

from itertools import product
from math import comb, exp, fsum, inf, isclose, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special as oracle

from pawl.stats import asymptotic_cs, normal_mixture, ratio, sign_e, special, srm

FINITE = st.floats(-50, 50)
USERS = st.lists(st.tuples(st.floats(0, 20), st.floats(0.5, 20)), min_size=2, max_size=30)


@given(st.floats(-300, 30))
def test_log_normal_cdf_equals_scipy(x):
    assert special.log_normal_cdf(x) == pytest.approx(float(oracle.log_ndtr(x)), rel=1e-6, abs=1e-12)


@given(st.integers(1, 400), st.integers(-2, 402))
def test_binomial_tail_equals_scipy(trials, at_most):
    got = special.log_binomial_half_tail(trials, at_most)
    if at_most < 0:
        assert got == -inf
    else:
        assert exp(got) == pytest.approx(float(oracle.bdtr(min(at_most, trials), trials, 0.5)), rel=1e-8)


@given(FINITE, st.floats(10, 1000), st.floats(0.1, 100))
def test_the_two_sides_of_the_mixture_average_to_the_whole(total, variance, rho):
    sides = [exp(normal_mixture.log_one_sided(sign * total, variance, rho)) for sign in (1, -1)]
    assert fsum(sides) / 2 == pytest.approx(exp(normal_mixture.log_two_sided(total, variance, rho)), rel=1e-9)


@given(st.floats(1, 1e6), st.floats(0.1, 1e4), st.floats(0.001, 0.4))
def test_the_one_sided_bound_is_where_the_mixture_reaches_one_over_alpha(variance, rho, alpha):
    height = normal_mixture.one_sided_bound(variance, rho, alpha)
    assert normal_mixture.log_one_sided(height, variance, rho) == pytest.approx(log(1 / alpha), abs=1e-6)
    assert height <= normal_mixture.two_sided_bound(variance, rho, alpha)


@given(st.integers(100, 10**7), st.floats(0.001, 0.05), st.integers(10, 1000))
def test_one_sided_is_tighter_than_two_sided_and_both_are_wider_than_fixed(n, alpha, expected):
    one = asymptotic_cs.one_sided_width(n, 1.0, alpha=alpha, expected=expected)
    two = asymptotic_cs.two_sided_width(n, 1.0, alpha=alpha, expected=expected)
    assert -oracle.ndtri(alpha) < one
    assert one <= two
    assert -oracle.ndtri(alpha / 2) < two


@given(st.floats(0.01, 5), st.floats(0.001, 0.5))
def test_needed_is_the_least_number_that_is_enough(deviation, width):
    n = asymptotic_cs.needed(deviation, width, alpha=0.05, expected=2000)

    def half(k):
        return asymptotic_cs.one_sided_width(k, deviation / sqrt(k), alpha=0.05, expected=2000)

    assert half(n * 1.001) <= width
    assert n <= 1.01 or half(n * 0.99) > width


def test_nothing_is_known_before_the_first_user():
    assert asymptotic_cs.one_sided_width(0, 1.0, alpha=0.05, expected=100) == inf
    assert asymptotic_cs.two_sided_width(0, 1.0, alpha=0.05, expected=100) == inf


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, -0.1])
def test_an_alpha_that_means_nothing_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha"):
        asymptotic_cs.one_sided_width(10, 1.0, alpha=alpha, expected=100)


@given(USERS, USERS)
def test_sums_merge_as_if_counted_together(first, second):
    merged, whole = ratio.sums_of(first).merge(ratio.sums_of(second)), ratio.sums_of(first + second)
    for field in ("users", "mean", "m2", "denominator_mean", "denominator_m2", "comoment"):
        assert isclose(getattr(merged, field), getattr(whole, field), rel_tol=1e-9, abs_tol=1e-6)


@given(USERS, st.floats(0.5, 4))
def test_a_ratio_does_not_depend_on_the_unit(users, factor):
    sums, scaled = ratio.sums_of(users), ratio.sums_of([(s * factor, n * factor) for s, n in users])
    assert scaled.ratio == pytest.approx(sums.ratio, rel=1e-9)
    assert scaled.standard_error == pytest.approx(sums.standard_error, rel=1e-4, abs=1e-7)


@given(USERS)
def test_a_model_does_not_differ_from_itself(users):
    pair = ratio.paired_difference([(user, user) for user in users])
    assert pair.mean == 0
    assert pair.m2 == pytest.approx(0, abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=3, max_size=30))
def test_pairing_gives_the_error_with_the_covariance(values):
    pair = ratio.paired_difference([((c, 1.0), (s, 1.0)) for c, s in values])
    candidate, stable = ratio.sums_of((c, 1.0) for c, _ in values), ratio.sums_of((s, 1.0) for _, s in values)
    n = len(values)
    covariance = fsum((c - candidate.mean) * (s - stable.mean) for c, s in values) / ((n - 1) * n)
    expected = ratio.difference_error(candidate.standard_error, stable.standard_error, covariance)
    assert pair.standard_error == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("flips", [1, 4, 9])
def test_the_sign_e_value_is_a_martingale_under_fair_coins(flips):
    for test in (sign_e.log_e_two_sided, sign_e.log_e_harm):
        expectation = fsum(comb(flips, k) * exp(test(k, flips - k)) for k in range(flips + 1)) / 2**flips
        assert expectation == pytest.approx(1.0, abs=1e-9)


@given(st.integers(0, 300), st.integers(0, 300))
def test_harm_and_benefit_are_mirror_images(worse, better):
    sides = [exp(sign_e.log_e_harm(*pair)) for pair in ((worse, better), (better, worse))]
    assert fsum(sides) / 2 == pytest.approx(exp(sign_e.log_e_two_sided(worse, better)), rel=1e-6)


@pytest.mark.parametrize("bad", [(-1, 0, 2), (0, 0, 3), (0, 0, 0)])
def test_counts_that_mean_nothing_are_refused(bad):
    with pytest.raises(ValueError, match="counts"):
        sign_e.log_e_two_sided(bad[0], bad[1], strength=bad[2])


@pytest.mark.parametrize("shares", [[1, 1], [1, 9], [10, 25, 65]])
def test_the_sample_ratio_e_value_is_a_martingale_under_the_declared_shares(shares):
    whole = sum(shares)
    expectation = 0.0
    for draw in product(range(len(shares)), repeat=4):
        counts = [draw.count(arm) for arm in range(len(shares))]
        chance = 1.0
        for arm in draw:
            chance *= shares[arm] / whole
        expectation += chance * exp(srm.log_e(counts, shares, strength=10))
    assert expectation == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("counts", "shares"), [([1], [1, 1]), ([], []), ([-1, 2], [1, 1]), ([1, 2], [0, 1])])
def test_shares_that_mean_nothing_are_refused(counts, shares):
    with pytest.raises(ValueError, match="must"):
        srm.log_e(counts, shares)
