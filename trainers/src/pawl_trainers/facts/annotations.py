"""Reads annotated spans and joins them to the texts, refusing a text that is not the one that was annotated."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl_trainers.facts.messages import Conversations, Message
from pawl_trainers.facts.spans import Fact, checked_fact

HASH_DIGITS = 16
LEARN_PERCENT = 60


class AnnotationError(ValueError):
    """An annotation file does not fit the texts; the message names file, line, field and remedy."""


@dataclass(frozen=True, slots=True)
class AnnotatedMessage:
    """A message with every fact that its author states about themself; `stratum` says how it was sampled."""

    message: Message
    facts: frozenset[Fact]
    stratum: str

    @property
    def person(self) -> str:
        """The author's identifier in the data set."""
        return self.message.sender

    @property
    def text(self) -> str:
        """The message's text."""
        return self.message.text


def read_annotations(path: Path, conversations: Conversations) -> list[AnnotatedMessage]:
    """Read a JSONL file of annotations; raises AnnotationError where a line does not fit its text."""
    return list(_annotated(path, conversations))


def is_learner(person: str) -> bool:
    """Tell whether a person belongs to the 60 % whose annotations may be trained on; the rest prove."""
    return int(hashlib.sha256(person.encode()).hexdigest(), 16) % 100 < LEARN_PERCENT


def of_learners(annotated: Iterable[AnnotatedMessage]) -> list[AnnotatedMessage]:
    """Return the messages whose authors may be trained on, in the given order."""
    return [message for message in annotated if is_learner(message.person)]


def _annotated(path: Path, conversations: Conversations) -> Iterator[AnnotatedMessage]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _joined(json.loads(line), conversations)
            except ValueError as error:
                raise AnnotationError(f"{path.name} line {number}: {error}") from error
            except (KeyError, IndexError, TypeError) as error:
                raise AnnotationError(
                    f"{path.name} line {number}: names no message of the data set: {error!r}"
                ) from error


def _joined(row: dict[str, Any], conversations: Conversations) -> AnnotatedMessage:
    message = conversations.message(row["conversation"], row["turn"], row["message"])
    _check_text(message.text, row["sha256"])
    facts = frozenset(checked_fact(fact["slot"], fact["start"], fact["end"], message.text) for fact in row["facts"])
    return AnnotatedMessage(message, facts, row["stratum"])


def _check_text(text: str, expected: str) -> None:
    found = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
    if found != expected:
        raise ValueError(
            f"sha256: the text has {found}, the annotated one had {expected}; install the version that was annotated"
        )
