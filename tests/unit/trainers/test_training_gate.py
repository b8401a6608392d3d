"""The gate: the interval agrees with another implementation, people are the sample, doubt is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from training_samples import plan, samples

from pawl.scoring.types import Score
from pawl_trainers.harness.gate import MIN_PEOPLE, compare, resampled, resamples_for, verdict
from pawl_trainers.harness.judgement import judge
from pawl_trainers.harness.plan import Gate


def _people(scores):
    return {f"person-{at}": Score(*score) for at, score in enumerate(scores)}


def _random_people(seed, people=40, better=0.0):
    random = np.random.default_rng(seed)
    total = random.integers(1, 8, people)
    return _people([(min(n, random.binomial(n, 0.5) + better * n), n) for n in total])


def _gate(**changes):
    return plan(gate=changes).gate


@pytest.mark.reference
def test_the_interval_of_the_difference_is_that_of_scipy():
    new, old = _random_people(1, better=0.2), _random_people(2)
    found = compare(new, old, alpha=0.05, seed=3).difference
    sums = np.array([[*new[person], *old[person]] for person in new])

    def difference(a, b, c, d, axis):
        return a.sum(axis) / b.sum(axis) - c.sum(axis) / d.sum(axis)

    theirs = bootstrap(
        tuple(sums.T), difference, paired=True, method="percentile", confidence_level=0.9, n_resamples=20_000, rng=4
    ).confidence_interval

    assert found is not None
    assert (found.bound, found.upper_bound) == pytest.approx((theirs.low, theirs.high), abs=0.01)


@pytest.mark.reference
def test_with_many_people_the_bound_is_that_of_the_normal_distribution():
    scores = [(1, 1)] * 600 + [(0, 1)] * 400
    found = compare(_people(scores), None, alpha=0.05, seed=1).new
    error = (0.6 * 0.4 / 1000) ** 0.5

    assert found.value == 0.6
    assert found.bound == pytest.approx(0.6 - 1.6449 * error, abs=0.002)
    assert found.upper == pytest.approx(0.6 + 1.96 * error, abs=0.002)


def test_the_draws_keep_the_number_of_people():
    ones = np.ones((37, 2))

    assert (resampled(ones, seed=1, resamples=25) == 37).all()


def test_the_work_is_bounded_for_any_number_of_people():
    assert [resamples_for(people) for people in (1, 2_000, 10_000, 1_000_000)] == [10_000, 10_000, 2_000, 1_000]


def test_a_comparison_is_paired():
    alone = [_random_people(seed, better=0.1) for seed in (1, 2)]
    paired = compare(
        alone[0], {who: Score(max(0, s.numerator - 0.3), s.denominator) for who, s in alone[0].items()}, 0.05, 1
    )
    unpaired = compare(*alone, 0.05, 1)

    assert paired.difference is not None
    assert unpaired.difference is not None
    assert (
        paired.difference.upper - paired.difference.lower < (unpaired.difference.upper - unpaired.difference.lower) / 2
    )


def test_one_person_with_many_examples_does_not_make_the_bound_sure():
    scores = [(0, 5)] * 9 + [(500, 500)]
    found = compare(_people(scores), _people([(0, 1)] * 10), 0.05, 1).difference

    assert found is not None
    assert found.value > 0.9
    assert found.bound < 0.1 or found.bound == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=15), st.integers(0, 99))
def test_the_ends_are_in_order_and_the_same_again(scores, seed):
    people = _people([(min(one), max(one)) for one in scores])
    first, second = (compare(people, people, 0.05, seed) for _ in range(2))

    assert first == second
    assert first.new.lower <= first.new.bound <= first.new.upper_bound <= first.new.upper
    assert first.difference is not None
    assert (first.difference.lower, first.difference.value, first.difference.upper) == (0, 0, 0)


def test_a_better_version_passes_and_a_twin_is_refused():
    better, worse = _people([(4, 5)] * 30), _people([(2, 5)] * 30)
    passed, twin = (verdict(compare(better, other, 0.05, 1), _gate()) for other in (worse, better))

    assert passed.passed
    assert passed.estimate == pytest.approx(0.4)
    assert not twin.passed
    assert "lower bound must be above 0" in twin.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"minImprovement": "0.5"}, "must be above 0.5"),
        ({"floor": "0.9"}, "below the floor 0.9"),
        ({"floor": "0.9", "minImprovement": "0.5"}, "; the score is"),
    ],
)
def test_each_reason_of_a_refusal_is_told(changes, words):
    comparison = compare(_people([(4, 5)] * 30), _people([(2, 5)] * 30), 0.05, 1)
    found = verdict(comparison, _gate(**changes))

    assert not found.passed
    assert words in found.message


def test_a_negative_improvement_lets_a_twin_pass_and_refuses_what_is_worse_by_more():
    same, worse = (_people([(right, 5)] * 30) for right in (4, 2))
    twin, lost = (verdict(compare(one, same, 0.05, 1), _gate(minImprovement="-0.1")) for one in (same, worse))
    assert twin.passed
    assert "lower bound above -0.1" in twin.message
    assert not lost.passed


def test_few_people_prove_nothing_however_large_the_difference():
    few = MIN_PEOPLE - 1
    found = verdict(compare(_people([(5, 5)] * few), _people([(0, 5)] * few), 0.05, 1), _gate())

    assert not found.passed
    assert "raise dataset.split.testPercent" in found.message


def test_without_a_champion_only_the_floor_counts():
    comparison = compare(_people([(4, 5)] * 3), None, 0.05, 1)

    assert verdict(comparison, Gate(floor="0.8")).passed
    assert not verdict(comparison, Gate(floor="0.81")).passed
    assert "neither champion nor floor" in verdict(comparison, Gate()).message


def test_models_must_be_judged_on_the_same_people():
    with pytest.raises(ValueError, match="same people"):
        compare(_people([(1, 1)]), _people([(1, 1), (1, 1)]), 0.05, 1)
    with pytest.raises(ValueError, match="same people"):
        compare({}, None, 0.05, 1)


def test_the_gate_scores_the_answers_itself():
    test = samples(12)
    right, nothing = [one.truth for one in test], [[] for _ in test]
    found = judge(plan(), test, right, nothing)

    assert found.gate.passed
    assert (found.metrics["f1"], found.metrics["champion-f1"], found.metrics["test-people"]) == (1, 0, 12)
    assert not judge(plan(), test, nothing, right).gate.passed
    assert judge(plan(score="exact"), test, right, None).metrics["accuracy"] == 1
