"""span-f1: 2TP over 2TP + FP + FN, where a span is right only if slot, start and end all agree."""

from typing import NamedTuple

from pawl.scoring.types import Score, TruthError


class Span(NamedTuple):
    """A labelled piece of a text; start inclusive and end exclusive, in characters."""

    slot: str
    start: int
    end: int


def span_f1(output: object, truth: object) -> Score:
    """Compare two lists of {slot, start, end}; more members (value, confidence) are ignored, repeats count once.

    An answer that is no such list counts as one wrong span: it said something, and nothing of it is right. Where
    both lists are empty numerator and denominator are 0: the interaction says nothing about either model.

    Raises:
        TruthError: the truth is no such list.
    """
    right = spans_of(truth)
    if right is None:
        raise TruthError("the truth of span-f1 is a list of {slot, start, end}")
    said = spans_of(output)
    if said is None:
        return Score(0, 1 + len(right))
    return Score(2 * len(said & right), len(said) + len(right))


def perfect(score: Score) -> bool:
    """Whether nothing was wrong and nothing was missed."""
    return score.numerator == score.denominator


def spans_of(value: object) -> frozenset[Span] | None:
    """The spans in a list, or in an object whose only member is such a list; None where it is neither."""
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if not isinstance(value, list):
        return None
    spans = [_span(item) for item in value]
    return None if None in spans else frozenset(span for span in spans if span is not None)


def _span(item: object) -> Span | None:
    if not isinstance(item, dict):
        return None
    slot, start, end = item.get("slot"), item.get("start"), item.get("end")
    # A bool is an int to Python, but not to anybody who marks text.
    if not isinstance(slot, str) or type(start) is not int or type(end) is not int:
        return None
    return Span(slot, start, end)
