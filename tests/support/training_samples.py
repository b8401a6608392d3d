"""Made-up examples that a tagger can learn in a second, and plans to learn from them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pawl_trainers.harness.plan import Plan, read_plan
from pawl_trainers.trainer import Example

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
PLACES = ("Provo", "Boston", "Berlin", "Osaka")
PASTIMES = ("soccer", "chess", "piano", "hiking")
PER_PERSON = 8


def said(number: int) -> tuple[str, list[dict[str, Any]]]:
    """A text and its facts; every second one holds none."""
    place, pastime = PLACES[(number // 4) % 4], PASTIMES[(number // 4) % 4]
    form = (
        (f"I live in {place} now.", "LOCATION", place),
        (f"Do you know {place}?", None, ""),
        (f"I play {pastime} a lot", "HOBBY", pastime),
        (f"They say {pastime} is fun", None, ""),
    )
    text, slot, value = form[number % 4]
    start = text.find(value)
    return text, [] if slot is None else [{"slot": slot, "start": start, "end": start + len(value)}]


def samples(people: int) -> list[Example]:
    """The examples of that many people, who talk in turn, a minute apart."""
    made = []
    for index in range(people * PER_PERSON):
        text, facts = said(index + index // people)
        when = BEGIN + timedelta(minutes=index)
        made.append(Example(f"row-{index:05}", f"person-{index % people:03}", when, {"text": text}, facts))
    return made


def plan_document(**changes: Any) -> dict[str, Any]:
    """A plan as the operator writes it, with members exchanged; `None` leaves one out."""
    document: dict[str, Any] = {
        "run": {
            "namespace": "tenant-0",
            "name": "facts-1",
            "uid": "8d7c3f2e-0000-4000-8000-000000000001",
            "attempt": 1,
        },
        "component": "fact-extraction",
        "score": "span-f1",
        "labels": {"correction": "Given", "confirmation": "Shown"},
        "trainer": "linear-tagger",
        "parameters": {"folds": "2"},
        "seed": 42,
        "dataset": {
            "until": (BEGIN + timedelta(days=20)).isoformat(),
            "minExamples": 100,
            "validationPercent": 10,
            "testPercent": 40,
        },
        "gate": {"metric": "accuracy", "floor": "0.1"},
        "register": True,
        "model": "tenant-0.fact-extraction",
        "distributed": False,
    }
    merged = document | changes
    return {name: value for name, value in merged.items() if value is not None}


def plan(**changes: Any) -> Plan:
    """The same, read."""
    return read_plan(json.dumps(plan_document(**changes)))
