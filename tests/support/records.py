"""Makes valid requests for the collector; a test changes what it is about."""

import uuid
from typing import Any

Record = dict[str, Any]
TIME = "2026-11-23T10:00:00Z"


def interaction(**changes: object) -> Record:
    """An interaction as an application would send it."""
    record: Record = {
        "id": str(uuid.uuid4()),
        "component": "fact-extraction",
        "user": "ada@example.org",
        "time": TIME,
        "input": {"text": "I moved to Oslo"},
        "output": [{"slot": "city", "start": 11, "end": 15, "value": "Oslo", "confidence": 0.9}],
        "latencyMs": 12.5,
        "revision": "0123456789",
        "arm": "candidate",
        "rollout": "0b6e6f0e-0000-4000-8000-000000000001",
        "release": 3,
        "step": 2,
        "confidence": 0.9,
        "session": "s1",
    }
    return {**record, **changes}


def feedback(interaction_id: str, **changes: object) -> Record:
    """A correction of an interaction."""
    record: Record = {
        "id": str(uuid.uuid4()),
        "interaction": interaction_id,
        "kind": "correction",
        "time": TIME,
        "value": {"truth": []},
    }
    return {**record, **changes}


def prediction(interaction_id: str, **changes: object) -> Record:
    """A mirrored answer to an interaction's request."""
    record: Record = {
        "interaction": interaction_id,
        "component": "fact-extraction",
        "revision": "abcdef0123",
        "arm": "candidate",
        "output": [],
        "confidence": 0.5,
        "latencyMs": 9.0,
        "time": TIME,
        "source": "Mirror",
    }
    return {**record, **changes}
