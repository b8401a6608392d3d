"""In which order and when the messages of one release are said: a pure function of the material and the pace."""

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from pawl_examples.dataset import Material
from pawl_trainers.facts.annotations import AnnotatedMessage
from pawl_trainers.facts.messages import Message
from pawl_trainers.facts.spans import Fact


@dataclass(frozen=True)
class Said:
    """A message about to be sent. `at`: seconds after the replay began; `facts`: None where nobody annotated it.

    `evidence` tells whether the label may count in a release: only people who did not teach the model prove.
    """

    at: float
    message: Message
    facts: frozenset[Fact] | None = None
    evidence: bool = False


@dataclass(frozen=True)
class Pace:
    """How fast a release is replayed: `rate` messages a second in all, annotated ones spread over `seconds`.

    `learn_share` is the part of the learn people's annotated messages that is replayed beside the prove people's.
    """

    rate: float
    seconds: float
    learn_share: float = 0.5

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.seconds <= 0 or not 0 <= self.learn_share <= 1:
            raise ValueError(f"pace: {self} needs a rate and seconds above 0 and a learn_share between 0 and 1")


def replay(material: Material, pace: Pace, skip: int = 0) -> Iterator[Said]:
    """Yield what is said in one release, in order of time, each message at most once; ends when all was said.

    `skip` leaves out that many of the messages nobody annotated: what earlier releases have said already.
    """
    spoken = _spread(material.prove, pace.seconds, evidence=True)
    taught = _spread(_thinned(material.learn, pace.learn_share), pace.seconds, evidence=False)
    annotated = sorted([*spoken, *taught], key=lambda one: one.at)
    return heapq.merge(annotated, _rest(material, pace, len(annotated), skip), key=lambda one: one.at)


def labelled_people(material: Material, pace: Pace, start: float, length: float) -> int:
    """Number of prove people who tell a fact in an annotated message from `start` for `length` seconds of a release.

    Those in whose messages nobody found a fact are evidence only where a model claims to have found one.
    """
    spoken = _spread(material.prove, pace.seconds, evidence=True)
    return len({one.message.sender for one in spoken if one.facts and start <= one.at < start + length})


def taught_people(material: Material, pace: Pace) -> int:
    """Number of learn people who say an annotated message in a release; they answer too, and it counts for nothing."""
    return len({one.person for one in _thinned(material.learn, pace.learn_share)})


def people_between(material: Material, pace: Pace, start: float, length: float) -> int:
    """Number of people, annotated or not, who say something from `start` for `length` seconds of a release."""
    first = replay(material, pace)
    upto = islice(first, int((start + length) * (pace.rate + _annotated_rate(material, pace)) + 1))
    return len({one.message.sender for one in upto if start <= one.at < start + length})


def _spread(said: Sequence[AnnotatedMessage], seconds: float, *, evidence: bool) -> list[Said]:
    by_person: dict[str, list[AnnotatedMessage]] = {}
    for one in said:
        by_person.setdefault(one.person, []).append(one)
    return [
        Said((index + _phase(person)) / len(own) * seconds, one.message, one.facts, evidence)
        for person, own in by_person.items()
        for index, one in enumerate(sorted(own, key=lambda each: each.message.time))
    ]


def _phase(person: str) -> float:
    digest = hashlib.sha256(f"{person}:replay".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def _thinned(said: Sequence[AnnotatedMessage], share: float) -> list[AnnotatedMessage]:
    kept = int(len(said) * share)
    return [said[index * len(said) // kept] for index in range(kept)] if kept else []


def _annotated_rate(material: Material, pace: Pace) -> float:
    return (len(material.prove) + len(material.learn) * pace.learn_share) / pace.seconds


def _rest(material: Material, pace: Pace, annotated: int, skip: int) -> Iterator[Said]:
    # While annotated messages last they take their part of the rate; afterwards the others have all of it.
    beside = max(pace.rate - annotated / pace.seconds, pace.rate / 10)
    until = int(beside * pace.seconds)
    for index, message in enumerate(islice(_in_turn(material), skip, None)):
        at = index / beside if index < until else pace.seconds + (index - until) / pace.rate
        yield Said(at, message)


def _in_turn(material: Material) -> Iterator[Message]:
    people = sorted(material.others, key=_phase)
    for round_of_messages in zip_longest(*(material.others[person] for person in people)):
        yield from (message for message in round_of_messages if message is not None)
