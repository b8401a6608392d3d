"""The real material of the demo: conversations of the data set, annotated messages, and who may teach or prove."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pawl_trainers.facts.annotations import AnnotatedMessage, is_learner, read_annotations
from pawl_trainers.facts.messages import Conversations, Message

DATA = Path(__file__).resolve().parents[2] / "data"
TRAIN = DATA / "chitchat-facts-train.jsonl"
GOLDEN = DATA / "chitchat-facts-golden.jsonl"


@dataclass(frozen=True)
class Material:
    """Everything that is replayed. `learn` and `prove` are annotated messages of disjoint people.

    `others` holds the messages of everybody else, person by person, each person's in the order of their times.
    """

    learn: tuple[AnnotatedMessage, ...]
    prove: tuple[AnnotatedMessage, ...]
    others: dict[str, tuple[Message, ...]]

    @property
    def provers(self) -> set[str]:
        """The people whose labels count in a release."""
        return {one.person for one in self.prove}

    @property
    def learners(self) -> set[str]:
        """The people whose annotations the stable model learned from."""
        return {one.person for one in self.learn}

    @property
    def people(self) -> int:
        """Number of people who may be replayed."""
        return len(self.provers) + len(self.learners) + len(self.others)


def load_material(train: Path = TRAIN) -> Material:
    """Read the installed data set and the annotations; raises AnnotationError where they do not fit."""
    conversations = Conversations.read()
    annotated = read_annotations(train, conversations)
    learn = tuple(one for one in annotated if is_learner(one.person))
    prove = tuple(one for one in annotated if not is_learner(one.person))
    known = {one.person for one in annotated}
    return Material(learn, prove, _by_person(conversations, known))


def _by_person(conversations: Conversations, without: set[str]) -> dict[str, tuple[Message, ...]]:
    found: dict[str, list[Message]] = {}
    for message in _messages(conversations):
        if message.sender not in without and message.text.strip():
            found.setdefault(message.sender, []).append(message)
    return {person: tuple(sorted(said, key=lambda one: one.time)) for person, said in found.items()}


def _messages(conversations: Conversations) -> Iterator[Message]:
    for turns in conversations.values():
        for turn in turns:
            yield from turn
