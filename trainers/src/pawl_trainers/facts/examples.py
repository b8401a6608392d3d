"""From what the collector stores to what trainers of facts learn from: a person, a text, the facts in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from pawl_trainers.facts.spans import OUTSIDE, Fact
from pawl_trainers.trainer import Example


class Labelled(Protocol):
    """A text of one person and the facts that it holds."""

    @property
    def person(self) -> str:
        """Identifier of the person."""
        ...

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def facts(self) -> frozenset[Fact]:
        """Its facts."""
        ...


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A labelled text that an interaction gave."""

    person: str
    text: str
    facts: frozenset[Fact]


def labelled_texts(examples: Iterable[Example]) -> tuple[list[LabelledText], int]:
    """Return the examples that can be read, in order, and how many cannot: people's labels come from anywhere."""
    read = [labelled_text(example) for example in examples]
    usable = [one for one in read if one is not None]
    return usable, len(read) - len(usable)


def labelled_text(example: Example) -> LabelledText | None:
    """Return one example's text and facts, None where the input is no text or a fact is no span of it."""
    text = text_of(example.input)
    facts = None if text is None else facts_of(example.truth, text)
    return None if text is None or facts is None else LabelledText(example.person, text, facts)


def text_of(value: object) -> str | None:
    """Return the text of an interaction's input: a string, or an object with a string as member `text`; else None."""
    text = value.get("text") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def facts_of(truth: object, text: str) -> frozenset[Fact] | None:
    """Return the facts of a label, a list or an object whose only member is one; None where one does not fit `text`."""
    if isinstance(truth, dict) and len(truth) == 1:
        truth = next(iter(truth.values()))
    if not isinstance(truth, list):
        return None
    facts = [_fact(item, text) for item in truth]
    return None if None in facts else frozenset(fact for fact in facts if fact is not None)


def _fact(item: Any, text: str) -> Fact | None:  # noqa: ANN401  any JSON value
    if not isinstance(item, dict):
        return None
    slot, start, end = item.get("slot"), item.get("start"), item.get("end")
    if not isinstance(slot, str) or slot in {"", OUTSIDE} or type(start) is not int or type(end) is not int:
        return None
    return Fact(start, end, slot) if 0 <= start < end <= len(text) else None
