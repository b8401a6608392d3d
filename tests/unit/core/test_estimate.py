"""One interval from many steps: strata, weights, floors, signs."""

from dataclasses import replace
from datetime import UTC, datetime
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl.estimate import Question, estimate, seconds_to_decision
from pawl.evidence import MetricEvidence
from pawl.stats.asymptotic_cs import one_sided_width
from pawl.stats.ratio import PairedDifference, RatioSums, paired_difference, sums_of

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ASK = Question(harm_alpha=0.05, safe_alpha=0.05, expected=2000)
PAIRS = Question(harm_alpha=0.05, safe_alpha=0.05, expected=2000, paired_from=30)


def step(number: int, candidate: RatioSums, stable: RatioSums, paired: PairedDifference | None = None):
    return MetricEvidence("accuracy", number, 1, NOW, NOW, {"candidate": candidate, "stable": stable}, paired)


def arm(users: int, rate: float) -> RatioSums:
    return RatioSums(users, rate, users * rate * (1 - rate), 1.0, 0.0, 0.0)


def test_one_step_is_the_plain_difference_with_the_sequences_width():
    found = estimate([step(1, arm(4000, 0.88), arm(4000, 0.90))], Question(0.05, 0.05, 5000))
    assert found.estimate == pytest.approx(-0.02)
    assert found.standard_error == pytest.approx(0.00699285, rel=1e-3)
    assert found.upper == pytest.approx(-0.00051, abs=2e-5)
    assert (found.users, found.units) == (4000, 8000)
    assert found.stable_value == pytest.approx(0.90)


def test_positive_is_better_also_where_lower_is_better():
    group = [step(1, arm(400, 0.10), arm(400, 0.05))]
    assert estimate(group, Question(0.05, 0.05, 2000, higher_is_better=False)).estimate == pytest.approx(-0.05)


def test_a_trend_between_steps_is_no_difference():
    steps = [step(1, arm(100, 0.95), arm(900, 0.95)), step(2, arm(900, 0.80), arm(100, 0.80))]
    found = estimate(steps, ASK)
    assert found.estimate == pytest.approx(0, abs=1e-12), "pooled, the candidate would look 12 points worse"
    assert found.lower < 0 < found.upper


def test_a_step_with_a_few_equal_users_does_not_outweigh_the_others():
    steps = [step(1, arm(3, 1.0), arm(3, 0.0)), step(2, arm(500, 0.8), arm(500, 0.8))]
    assert abs(estimate(steps, ASK).estimate) < 0.02


def test_more_steps_tell_more_but_not_as_much_as_new_people():
    one = estimate([step(1, arm(300, 0.8), arm(300, 0.8))], ASK)
    four = estimate([step(k, arm(300, 0.8), arm(300, 0.8)) for k in range(1, 5)], ASK)
    assert one.standard_error / 2 < four.standard_error < one.standard_error


def test_identical_answers_are_never_certain():
    ask = Question(harm_alpha=0.05, safe_alpha=0.05, expected=100, paired_from=30)
    found = estimate([step(1, arm(65, 0.5), arm(65, 0.5), PairedDifference(65, 0.0, 0.0))], ask)
    assert found.paired
    assert found.standard_error == pytest.approx(1 / 65)
    assert -0.05 < found.lower < 0
    few = estimate([step(1, arm(30, 0.5), arm(30, 0.5), PairedDifference(30, 0.0, 0.0))], ask)
    assert few.lower < -0.05


def test_pairs_count_once_there_are_enough_of_them():
    group = [step(1, arm(20, 0.5), arm(80, 0.9), PairedDifference(29, -0.3, 1.0))]
    assert not estimate(group, PAIRS).paired
    group = [step(1, arm(20, 0.5), arm(80, 0.9), PairedDifference(30, -0.3, 1.0))]
    found = estimate(group, PAIRS)
    assert (found.paired, found.users, found.units, found.estimate) == (True, 30, 30, -0.3)
    assert not estimate(group, ASK).paired


def test_a_handful_of_pairs_does_not_displace_thousands_of_users():
    noisy = PairedDifference(40, -0.3, 20.0)
    found = estimate([step(1, arm(3000, 0.8), arm(3000, 0.8), noisy)], replace(PAIRS, users_in_both=True))
    assert (found.paired, found.users, found.units) == (False, 3000, 5960)
    few = estimate([step(1, arm(29, 1.0), arm(3000, 1.0), noisy)], PAIRS)
    assert few.paired, "29 users in an arm are no match for 40 pairs, however equal they look"


def test_people_who_answer_alike_in_both_arms_make_the_interval_narrow():
    """Their arms, taken as independent, would need ten times as many of them."""
    rng = Random(8)
    people = [rng.choice([0.0, 1.0]) for _ in range(500)]
    answers = [((p if rng.random() > 0.02 else 1.0 - p, 1.0), (p, 1.0)) for p in people]
    arms = [sums_of(pair[i] for pair in answers) for i in (0, 1)]
    group = [step(1, *arms, paired_difference(answers))]
    together = estimate(group, replace(PAIRS, users_in_both=True))
    apart = estimate(group, ASK)
    assert (together.units, apart.units) == (500, 1000)
    assert together.standard_error < 0.3 * apart.standard_error
    assert together.estimate == pytest.approx(apart.estimate)


@pytest.mark.parametrize("users", [(0, 0), (1, 50), (50, 1)])
def test_without_two_users_in_each_arm_there_is_no_interval(users):
    assert estimate([step(1, arm(users[0], 0.5), arm(users[1], 0.5))], ASK) is None


def test_a_step_without_denominators_is_left_out():
    empty = RatioSums(40, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert estimate([step(1, empty, arm(40, 0.5))], ASK) is None
    assert estimate([step(1, empty, arm(40, 0.5)), step(2, arm(40, 0.5), arm(40, 0.5))], ASK).users == 40


def test_silence_is_a_ratio_of_zero_not_a_missing_value():
    rng = Random(4)
    stable = sums_of((2.0 * rng.randint(0, 3), 6.0) for _ in range(100))
    silent = sums_of((0.0, 3.0) for _ in range(100))
    found = estimate([step(1, silent, stable)], ASK)
    assert found.upper < -0.2


@given(
    st.lists(
        st.tuples(st.integers(2, 500), st.floats(0.05, 0.95), st.integers(2, 500), st.floats(0.05, 0.95)),
        min_size=1,
        max_size=5,
    )
)
def test_the_estimate_lies_between_its_steps_and_inside_its_interval(steps):
    groups = [step(k, arm(a, p), arm(b, q)) for k, (a, p, b, q) in enumerate(steps, 1)]
    found = estimate(groups, ASK)
    differences = [p - q for _, p, _, q in steps]
    assert min(differences) - 1e-9 <= found.estimate <= max(differences) + 1e-9
    assert found.lower < found.estimate < found.upper
    assert found.standard_error >= sqrt(1 / sum(a for a, *_ in steps) ** 2)


@given(st.integers(2, 400), st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_swapping_the_arms_mirrors_the_interval(users, p, q):
    one = estimate([step(1, arm(users, p), arm(users, q))], ASK)
    other = estimate([step(1, arm(users, q), arm(users, p))], ASK)
    assert other.lower == pytest.approx(-one.upper)
    assert other.estimate == pytest.approx(-one.estimate)


def test_the_time_to_a_decision_is_what_the_present_rate_gives():
    found = estimate([step(1, arm(100, 0.8), arm(100, 0.8))], ASK)
    seconds = seconds_to_decision(found, 0.05, 40.0, ASK)
    total = found.units + seconds / 3600 * 40
    deviation = found.standard_error * sqrt(found.units)
    assert one_sided_width(total, deviation / sqrt(total), alpha=0.05, expected=2000) == pytest.approx(0.05, rel=1e-3)
    assert seconds_to_decision(found, 0.9, 40.0, ASK) == 0
    assert seconds_to_decision(found, 0.05, 0.0, ASK) is None
    assert seconds_to_decision(found, 0.05, None, ASK) is None
