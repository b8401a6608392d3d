"""What the simulated user answers to the facts that were found: the annotation is the truth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pawl_examples.replay import Said
from pawl_trainers.facts.spans import Fact


@dataclass(frozen=True)
class Answer:
    """A user's feedback, as `POST /v1/feedback` takes it."""

    kind: Literal["correction", "confirmation"]
    value: dict[str, Any]


def answer(said: Said, shown: Iterable[Mapping[str, Any]]) -> Answer | None:
    """Confirm or correct the facts shown for an annotated message; None where nobody annotated it.

    Confirmed only if slots and spans are exactly those of the annotation. Labels of people who taught the model carry
    `release_evidence: false`: they may train, but they prove nothing.
    """
    if said.facts is None:
        return None
    mark: dict[str, Any] = {} if said.evidence else {"release_evidence": False}
    if spans(shown) == said.facts:
        return Answer("confirmation", mark)
    return Answer("correction", {"truth": facts_of(said), **mark})


def spans(shown: Iterable[Mapping[str, Any]]) -> frozenset[Fact]:
    """The facts of an answer without their values and confidences."""
    return frozenset(Fact(int(one["start"]), int(one["end"]), str(one["slot"])) for one in shown)


def facts_of(said: Said) -> list[dict[str, Any]]:
    """The annotated facts in the shape that the fact extractor answers with."""
    text = said.message.text
    return [
        {"slot": fact.slot, "start": fact.start, "end": fact.end, "value": text[fact.start : fact.end]}
        for fact in sorted(said.facts or ())
    ]
