"""Measures an extractor on annotated messages."""

from collections.abc import Callable, Iterable

from pawl_trainers.facts.annotations import AnnotatedMessage
from pawl_trainers.facts.scoring import Judged, Score, score
from pawl_trainers.facts.spans import Fact
from pawl_trainers.linear_tagger.model import LinearTagger

Extract = Callable[[str], frozenset[Fact]]


def evaluate(extract: Extract, messages: Iterable[AnnotatedMessage], seed: int = 0) -> Score:
    """Score `extract` on `messages`: exact slot and span, micro F1, 95 % interval by person."""
    return score((Judged(item.person, extract(item.text), item.facts) for item in messages), seed)


def facts_by(tagger: LinearTagger) -> Extract:
    """Return the tagger as a function from a text to its facts."""

    def extract(text: str) -> frozenset[Fact]:
        return frozenset(found.fact for found in tagger.find(text))

    return extract
