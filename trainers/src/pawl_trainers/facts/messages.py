"""Reads the conversations of the package `chitchat-dataset`: who wrote what, and when."""

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Message:
    """One message as its author typed it; `sender` is the data set's own random identifier of a person."""

    conversation: str
    turn: int
    index: int
    sender: str
    time: datetime
    text: str


class Conversations(Mapping[str, Sequence[Sequence[Message]]]):
    """Conversations by identifier; each is a sequence of turns, each turn a sequence of messages in order."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """Read the JSON file at `path`, or the one of the installed package; raises FileNotFoundError."""
        return cls(json.loads((path or installed_dataset()).read_text(encoding="utf-8")))

    def __getitem__(self, conversation: str) -> list[list[Message]]:
        turns = self._raw[conversation]["messages"]
        return [
            [_message(conversation, turn, index, raw) for index, raw in enumerate(messages)]
            for turn, messages in enumerate(turns)
        ]

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def message(self, conversation: str, turn: int, index: int) -> Message:
        """Return one message without building the rest of its conversation; raises KeyError or IndexError."""
        return _message(conversation, turn, index, self._raw[conversation]["messages"][turn][index])


def installed_dataset() -> Path:
    """Return the path of the data file that the installed package `chitchat-dataset` brings."""
    spec = importlib.util.find_spec("chitchat_dataset")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "package chitchat-dataset is not installed; install pawl-platform-trainers[train] or name the file"
        )
    return Path(spec.origin).with_name("dataset.json")


def _message(conversation: str, turn: int, index: int, raw: Mapping[str, str]) -> Message:
    time = datetime.fromisoformat(raw["timestamp"])
    return Message(conversation, turn, index, raw["sender"], time, raw["text"])
