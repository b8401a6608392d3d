"""Statistics against numbers from papers and other implementations (quoted in the formulas' docstrings)."""

from math import exp, log

import pytest

from pawl.stats import asymptotic_cs, normal_mixture, ratio, sign_e, srm

pytestmark = pytest.mark.reference


def test_two_sided_normal_mixture_equals_the_reference():
    rho = normal_mixture.rho_for(100, 0.05)
    assert rho == pytest.approx(12.60056, abs=1e-5)
    assert normal_mixture.log_two_sided(10, 100, rho) == pytest.approx(-0.6510052, abs=1e-7)
    assert normal_mixture.two_sided_bound(100, rho, 0.05) == pytest.approx(30.35209, abs=1e-5)


def test_one_sided_normal_mixture_equals_the_reference():
    rho = normal_mixture.rho_for(100, 0.1)
    assert normal_mixture.log_one_sided(10, 100, rho) == pytest.approx(-0.06502391, abs=1e-8)
    assert normal_mixture.one_sided_bound(100, rho, 0.05) == pytest.approx(27.66071, abs=1e-5)


def test_mixture_sprt_is_the_same_mixture():
    # Johari et al.: n=1000, d=.1, s2=1, t2=.01 -> 3.278722; S = n d / sqrt(2 s2), V = n, rho = 2 s2 / t2 / 2.
    total, rho = 1000 * 0.1 / 2**0.5, 1 / 0.01 * 2
    assert exp(normal_mixture.log_two_sided(total, 1000, rho)) == pytest.approx(3.278722, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "expected", "multiplier"), [(10_000, 10_000, 3.035209), (1000, 5000, 3.363888), (20_000, 10_000, 3.061477)]
)
def test_two_sided_sequence_equals_the_reference(n, expected, multiplier):
    assert asymptotic_cs.two_sided_width(n, 1.0, alpha=0.05, expected=expected) == pytest.approx(multiplier, abs=1e-6)


def test_one_sided_sequence_equals_the_reference():
    assert asymptotic_cs.one_sided_width(5000, 1.0, alpha=0.05, expected=5000) == pytest.approx(2.779094, abs=1e-6)


def test_sequence_reproduces_the_relative_lift_vector():
    n, lift, error = 3000 + 3461, 0.5033611, 0.3334122
    half = asymptotic_cs.two_sided_width(n, error, alpha=0.05, expected=1000)
    assert (lift - half, lift + half) == pytest.approx((-0.55844, 1.56516), abs=1e-5)
    assert lift - asymptotic_cs.one_sided_width(n, error, alpha=0.05, expected=5000) == pytest.approx(
        -0.4235645, abs=1e-6
    )


def test_sequence_reproduces_the_plain_case():
    error = (0.9 * 0.1 / 4000 + 0.88 * 0.12 / 4000) ** 0.5
    assert error == pytest.approx(0.00699285, abs=1e-8)
    half = asymptotic_cs.two_sided_width(8000, error, alpha=0.05, expected=5000)
    assert (-0.02 - half, -0.02 + half) == pytest.approx((-0.04131, 0.00131), abs=1e-5)
    upper = -0.02 + asymptotic_cs.one_sided_width(8000, error, alpha=0.05, expected=5000)
    assert upper == pytest.approx(-0.00051, abs=1e-5)


def test_cluster_robust_ratio_equals_the_reference():
    sums = ratio.sums_of(zip([3, 5, 2, 8, 4, 0, 6], [4, 5, 3, 10, 4, 1, 6], strict=True))
    assert sums.ratio == pytest.approx(0.8484848, abs=1e-7)
    assert sums.standard_error == pytest.approx(0.0583254, abs=1e-7)


@pytest.mark.parametrize(("worse", "better", "value"), [(30, 12, 9.249328), (20, 5, 24.29052), (12, 12, 0.2481694)])
def test_sign_e_value_equals_the_reference(worse, better, value):
    assert exp(sign_e.log_e_two_sided(worse, better)) == pytest.approx(value, rel=1e-6)


def test_errors_only_e_value_equals_the_reference():
    assert sign_e.log_e_harm(95, 60, strength=10) == pytest.approx(3.028554, abs=1e-6)
    assert sign_e.log_e_two_sided(95, 60, strength=10) == pytest.approx(2.338464, abs=1e-6)


@pytest.mark.parametrize(("counts", "value"), [([480, 520], 0.6230520), ([5000, 5200], 0.6853799)])
def test_sample_ratio_e_value_equals_the_reference(counts, value):
    assert exp(srm.log_e(counts, [1, 1], strength=100)) == pytest.approx(value, abs=1e-7)


def test_sample_ratio_mismatch_of_the_literature_is_found():
    assert srm.log_e([821588, 815482], [1, 1]) > log(1 / 0.01)
