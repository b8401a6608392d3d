"""What a fact is: a slot and a span of characters; the fifteen slots of the annotation guide."""

from dataclasses import dataclass

OUTSIDE = "O"
"""The taggers' own word for what belongs to no fact; a slot cannot have this name."""
SLOTS = (
    "NAME",
    "AGE",
    "LOCATION",
    "ORIGIN",
    "OCCUPATION",
    "EMPLOYER",
    "SCHOOL",
    "MAJOR",
    "HOBBY",
    "LIKE",
    "DISLIKE",
    "FAMILY",
    "LANGUAGE",
    "POSSESSION",
    "EVENT",
)


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """A personal fact in a message; offsets count characters of the text, `end` is exclusive."""

    start: int
    end: int
    slot: str


def checked_fact(slot: object, start: object, end: object, text: str) -> Fact:
    """Return the fact if it names a known slot and a non-empty span inside `text`, else raise ValueError."""
    if not isinstance(slot, str) or slot not in SLOTS:
        raise ValueError(f"slot: {slot!r} is not a known slot; use one of {', '.join(SLOTS)}")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        raise ValueError(f"span: [{start!r}, {end!r}) is not inside a text of {len(text)} characters")
    return Fact(start, end, slot)
