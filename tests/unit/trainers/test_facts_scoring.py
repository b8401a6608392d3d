"""Scoring: exact spans, ratio over people, an interval that treats people as the sample."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl_trainers.facts.scoring import Counts, Judged, interval_by_person, score
from pawl_trainers.facts.spans import Fact

NAME = Fact(0, 4, "NAME")
AGE = Fact(8, 10, "AGE")


def test_only_slot_start_and_end_together_are_right():
    truth = frozenset({NAME, AGE})

    assert Counts.of(frozenset({NAME, AGE}), truth) == Counts(2, 0, 0)
    assert Counts.of(frozenset({Fact(0, 5, "NAME")}), truth) == Counts(0, 1, 2)
    assert Counts.of(frozenset({Fact(0, 4, "AGE")}), truth) == Counts(0, 1, 2)
    assert Counts.of(frozenset(), truth) == Counts(0, 0, 2)


def test_saying_nothing_scores_nothing_however_many_messages_are_empty():
    silent = [Judged(str(person), frozenset(), frozenset()) for person in range(80)]
    missed = [Judged(str(person), frozenset(), frozenset({NAME})) for person in range(20)]

    assert score(silent + missed).f1 == 0


def test_the_score_counts_facts_and_people():
    judged = [
        Judged("a", frozenset({NAME}), frozenset({NAME})),
        Judged("a", frozenset({AGE}), frozenset()),
        Judged("b", frozenset(), frozenset({AGE})),
    ]
    found = score(judged)

    assert found.f1 == pytest.approx(2 / 4)
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert (found.messages, found.people, found.facts) == (3, 2, 2)
    assert found == score(judged), "the same seed gives the same interval"


def test_one_persons_many_messages_do_not_narrow_the_interval():
    good, bad = Counts(10, 0, 0), Counts(0, 5, 5)
    few = interval_by_person([good, bad] * 5)
    crowd = interval_by_person([good, bad] * 50)

    assert crowd[1] - crowd[0] < few[1] - few[0]
    assert interval_by_person([]) == (0.0, 0.0)


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 3), min_size=1, max_size=12))
def test_the_interval_is_ordered_and_inside_the_unit(people):
    lower, upper = interval_by_person([Counts(*counts) for counts in people], resamples=50)

    assert 0 <= lower <= upper <= 1


@given(st.tuples(*[st.integers(0, 50)] * 3))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(numbers):
    counts = Counts(*numbers)
    together = counts.precision + counts.recall

    assert counts.f1 == pytest.approx(2 * counts.precision * counts.recall / together if together else 0)
