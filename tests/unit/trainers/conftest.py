"""A small made-up corpus that the linear tagger can learn in a second."""

import hashlib
import json
from pathlib import Path

import pytest

from pawl_trainers.facts.annotations import AnnotatedMessage, read_annotations
from pawl_trainers.facts.messages import Conversations

PLACES = ("Provo", "Boston", "Berlin", "Osaka")
PASTIMES = ("soccer", "chess", "piano", "hiking")
PEOPLE = 12


class Corpus:
    """Conversations and an annotation file of twelve people who say where they live and what they play."""

    def __init__(self, folder: Path) -> None:
        raw: dict[str, object] = {}
        rows = []
        for person in range(PEOPLE):
            texts = [text for at in range(4) for text in self._said(person + at)]
            raw[f"c{person}"] = {"messages": [[self._message(person, text) for text, _ in texts]]}
            rows += [self._row(f"c{person}", index, text, facts) for index, (text, facts) in enumerate(texts)]
        self.conversations = Conversations(raw)
        self.conversations_file = folder / "dataset.json"
        self.conversations_file.write_text(json.dumps(raw))
        self.annotations_file = folder / "facts.jsonl"
        self.annotations_file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    @staticmethod
    def _said(number: int) -> list[tuple[str, list[tuple[str, str]]]]:
        place, pastime = PLACES[number % 4], PASTIMES[number % 4]
        return [
            (f"I live in {place} now.", [("LOCATION", place)]),
            (f"I play {pastime} a lot", [("HOBBY", pastime)]),
            (f"Do you know {place}?", []),
            (f"They say {pastime} is fun", []),
        ]

    @staticmethod
    def _message(person: int, text: str) -> dict[str, str]:
        return {"text": text, "sender": f"person-{person}", "timestamp": "2018-05-02T19:38:15Z"}

    @staticmethod
    def _row(conversation: str, index: int, text: str, facts: list[tuple[str, str]]) -> dict[str, object]:
        spans = [
            {"slot": slot, "start": text.index(value), "end": text.index(value) + len(value)} for slot, value in facts
        ]
        sha256 = hashlib.sha256(text.encode()).hexdigest()[:16]
        place = {"conversation": conversation, "turn": 0, "message": index}
        return {**place, "stratum": "rand", "sha256": sha256, "facts": spans}

    def read(self) -> list[AnnotatedMessage]:
        """The annotated messages."""
        return read_annotations(self.annotations_file, self.conversations)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"))
