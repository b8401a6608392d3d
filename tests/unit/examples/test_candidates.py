"""Each bad version is bad in exactly its own way."""

import json
import subprocess
import sys
from typing import Any

import pytest

from pawl_examples import candidates
from pawl_examples.candidates import Crashing, Permuted, Silent, permuted_slot
from pawl_trainers.facts.spans import SLOTS

FACTS = [{"slot": "HOBBY", "start": 7, "end": 13, "value": "soccer", "confidence": 0.9}]


class Fixed:
    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {"facts": [json.dumps(FACTS) for _ in inputs["text"]]}


def test_permuted_keeps_spans_and_changes_every_slot() -> None:
    [answer] = Permuted(Fixed()).predict({"text": ["I play soccer"]})["facts"]
    [fact] = json.loads(answer)
    assert fact == {**FACTS[0], "slot": "LIKE"}


def test_the_permutation_is_one_and_leaves_no_slot_alone() -> None:
    renamed = [permuted_slot(slot) for slot in SLOTS]
    assert sorted(renamed) == sorted(SLOTS)
    assert all(before != after for before, after in zip(SLOTS, renamed, strict=True))


def test_silent_answers_every_message_with_nothing() -> None:
    assert Silent(Fixed()).predict({"text": ["a", "b"]}) == {"facts": ["[]", "[]"]}


def test_slow_waits_and_then_answers_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(candidates.time, "sleep", waited.append)
    assert candidates.Slow(Fixed()).predict({"text": ["a"]}) == Fixed().predict({"text": ["a"]})
    assert waited == [0.4]


def test_crashing_ends_the_process_on_the_third_request(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(candidates.os, "_exit", ended.append)
    model = Crashing(Fixed())
    for count in (0, 0, 1, 1, 1, 2):
        model.predict({"text": ["a"]})
        assert len(ended) == count


def test_the_entry_points_need_nothing_of_the_demo() -> None:
    script = (
        "import sys, pawl_examples.candidates; "
        "bad = [m for m in ('rich','httpx','chitchat_dataset','sklearn','pawl_devcluster') if m in sys.modules]; "
        "sys.exit(','.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
