"""Scores of one interaction and what feedback means."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from evidence_oracle import plain_span_f1
from hypothesis import given
from hypothesis import strategies as st

from pawl.scoring.labels import Truth, label_of, thumb_of, truth_of
from pawl.scoring.registry import SCORERS
from pawl.scoring.spans import span_f1
from pawl.scoring.types import AnswerError, TruthError
from pawl.scoring.values import LARGEST, exact, same, squared_error

spans = st.lists(
    st.fixed_dictionaries(
        {"slot": st.sampled_from(["A", "B"]), "start": st.integers(0, 3), "end": st.integers(3, 6)},
        optional={"value": st.text(max_size=3), "confidence": st.floats(0, 1)},
    ),
    max_size=6,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(spans, spans)
def test_span_f1_counts_as_by_hand(output: list[dict[str, object]], truth: list[dict[str, object]]) -> None:
    assert span_f1(output, truth) == plain_span_f1(output, truth)
    assert span_f1({"facts": output}, truth) == span_f1(output, {"facts": truth})
    score = span_f1(truth, truth)
    assert SCORERS["span-f1"].best(score)


def test_silence_scores_nothing_where_there_was_something_to_say() -> None:
    truth = [{"slot": "A", "start": 0, "end": 1}]
    assert span_f1([], truth) == (0, 1)
    assert span_f1([], []) == (0, 0)
    assert not SCORERS["span-f1"].best(span_f1([], truth))


@pytest.mark.parametrize(
    "answer", [None, "text", 3, [1], [{"slot": "A"}], [{"slot": "A", "start": True, "end": 2}], {}]
)
def test_unreadable_spans_are_one_wrong_span(answer: object) -> None:
    assert span_f1(answer, []) == (0, 1)
    assert span_f1(answer, [{"slot": "A", "start": 0, "end": 1}]) == (0, 2)
    with pytest.raises(TruthError):
        span_f1([], answer)


@given(values)
def test_a_value_is_the_same_as_itself(value: object) -> None:
    assert same(value, value)
    assert exact(value, value) == (1, 1)
    assert exact(value, [value]) == (0, 1)


def test_exact_tells_true_from_one_but_not_one_from_one_point_zero() -> None:
    assert exact(True, 1) == exact([True], [1]) == (0, 1)
    assert exact({"a": 1, "b": 2}, {"b": 2.0, "a": 1.0}) == (1, 1)
    assert not SCORERS["exact"].best(exact(1, 2))


def test_squared_error_needs_numbers() -> None:
    assert squared_error(3, 1.5) == (2.25, 1)
    assert SCORERS["squared-error"].best(squared_error(2, 2.0))
    for bad in ("1", None, True, math.inf, math.nan, 10**400):
        with pytest.raises(AnswerError):
            squared_error(bad, 1)
        with pytest.raises(TruthError):
            squared_error(1, bad)


def test_a_diverged_answer_has_a_square_that_can_be_added_up() -> None:
    huge = squared_error(1e149, 0).numerator
    assert huge == squared_error(1e78, 0).numerator == LARGEST


@dataclass(frozen=True)
class Feedback:
    id: str
    kind: str
    time: int
    value: object


def said(kind: str, value: object, time: int = 0, identifier: str = "a") -> Feedback:
    return Feedback(identifier, kind, time, value)


def test_truth_is_the_last_word() -> None:
    both = [said("correction", {"truth": 1}, 2), said("confirmation", {}, 1)]
    assert truth_of(both, "shown") == truth_of(reversed(both), "shown") == Truth(1)
    assert truth_of([said("confirmation", {}, 3), *both], "shown") == Truth("shown")
    assert truth_of([said("correction", {"truth": None})], "shown") == Truth(None)
    assert truth_of([said("thumbs", {"up": True})], "shown") is None
    assert truth_of([said("correction", {"truth": 1, "release_evidence": False})], "shown") is None
    same_time = [said("correction", {"truth": name}, 1, name) for name in "ba"]
    assert truth_of(same_time, "shown") == Truth("b")


def test_the_component_says_which_feedback_is_truth() -> None:
    thumbs = {"thumbs": "Shown", "correction": "None"}
    assert truth_of([said("thumbs", {"up": True})], "shown", thumbs) == Truth("shown")
    assert truth_of([said("thumbs", {"up": False})], "shown", thumbs) is None
    assert truth_of([said("correction", {"truth": 1})], "shown", thumbs) is None


def test_thumb_is_the_last_thumb() -> None:
    assert thumb_of([said("thumbs", {"up": True}, 1), said("thumbs", {"up": False}, 2)]) is False
    assert thumb_of([said("correction", {"truth": 1})]) is None
    assert thumb_of([said("thumbs", {"up": True, "release_evidence": False})]) is None


def test_what_proves_nothing_may_still_teach() -> None:
    taught = said("correction", {"truth": 1, "release_evidence": False}, 2)
    both = [said("confirmation", {}, 1), taught]
    assert label_of(both, "shown") == (taught, Truth(1))
    assert truth_of(both, "shown") == Truth("shown")
    assert label_of([said("thumbs", {"up": True})], "shown") is None


def test_a_label_is_found_while_the_feedback_streams_by() -> None:
    alive = [0]

    class Counted(Feedback):
        def __del__(self) -> None:
            alive[0] -= 1

    def stream() -> Iterator[Feedback]:
        for number in range(100):
            alive[0] += 1
            yield Counted(str(number), "correction", number, {"truth": number})
            assert alive[0] <= 3

    label = label_of(stream(), None)
    assert label is not None
    assert label[1] == Truth(99)
