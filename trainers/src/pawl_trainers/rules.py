"""The rules of the package `groundcheck` 0.3.0 as an extractor of the same facts: a baseline for the table."""

from collections.abc import Iterator

from groundcheck.fact_extractor import extract_fact_slots, split_compound_values

from pawl_trainers.facts.spans import Fact

# Only slots whose value can be a piece of the text; counts ("two siblings" -> "2") have no counterpart in the guide.
_SLOT = {
    "name": "NAME",
    "age": "AGE",
    "location": "LOCATION",
    "occupation": "OCCUPATION",
    "title": "OCCUPATION",
    "employer": "EMPLOYER",
    "previous_employer": "EMPLOYER",
    "school": "SCHOOL",
    "undergrad_school": "SCHOOL",
    "masters_school": "SCHOOL",
    "major": "MAJOR",
    "minor": "MAJOR",
    "hobby": "HOBBY",
    "preference": "LIKE",
    "coffee": "LIKE",
    "dislike": "DISLIKE",
    "relationship": "FAMILY",
    "pet": "FAMILY",
}


def find(text: str) -> frozenset[Fact]:
    """Return the rules' facts with the place of each value in the text; a value that is not in it is left out."""
    return frozenset(fact for slot, value in _extracted(text) for fact in _placed(text, slot, value))


def find_each(text: str) -> frozenset[Fact]:
    """As `find`, with a value that is a list ("hiking and cooking") taken apart by the package's own function."""
    return frozenset(
        fact
        for slot, value in _extracted(text)
        for part in split_compound_values(value)
        for fact in _placed(text, slot, part)
    )


def _extracted(text: str) -> Iterator[tuple[str, str]]:
    for name, extracted in extract_fact_slots(text).items():
        slot = "LIKE" if name.startswith("favorite_") else _SLOT.get(name)
        if slot is not None:
            yield slot, str(extracted.value)


def _placed(text: str, slot: str, value: str) -> Iterator[Fact]:
    start = text.lower().find(value.lower())
    if value and start >= 0:
        yield Fact(start, start + len(value), slot)
