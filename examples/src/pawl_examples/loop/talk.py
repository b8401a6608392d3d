"""Who speaks when in the second act: learn people before a training, prove people while a version is proved.

A person's message is said at most once within one Experiment. What learn people say may be learned from; prove people
do not allow that, so no dataset can hold them, and their labels count as evidence.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pawl_examples.dataset import Material
from pawl_examples.replay import Pace
from pawl_trainers.facts.annotations import AnnotatedMessage
from pawl_trainers.facts.spans import Fact

Extract = Callable[[str], frozenset[Fact]]


@dataclass(frozen=True)
class Part:
    """What is replayed in one part of the act, and how fast; `annotated` messages are answered with the truth."""

    material: Material
    pace: Pace
    annotated: int


@dataclass(frozen=True)
class Lesson:
    """One turn: the trainer that the loop names then, and the share of the learn people's messages before it."""

    trainer: str
    share: float


def lessons_for(trainers: Sequence[str]) -> list[Lesson]:
    """One turn for each trainer; of several the first gets three fifths of what learn people say, the next the rest."""
    if len(trainers) < 2:
        return [Lesson(trainer, 1.0) for trainer in trainers]
    rest = 0.4 / (len(trainers) - 1)
    return [Lesson(trainer, rest if number else 0.6) for number, trainer in enumerate(trainers)]


def lessons(material: Material, shares: Sequence[float], rate: float) -> list[Part]:
    """What learn people say before each training: `shares` of their messages in the order of time, `rate` a second."""
    said = sorted(material.learn, key=lambda one: (one.message.time, one.message.conversation, one.message.index))
    edges = [0]
    for share in shares:
        edges.append(min(len(said), edges[-1] + round(share * len(said))))
    return [_lesson(said[start:end], rate) for start, end in pairwise(edges)]


def proof(material: Material, seconds: float, beside: float) -> Part:
    """What prove people say while a version is proved: each message once, spread over `seconds`; `beside` messages a
    second come from people whom nobody annotated.
    """
    rate = len(material.prove) / seconds + beside
    return Part(Material((), material.prove, material.others), Pace(rate, seconds), len(material.prove))


def corrections(part: Part, shown: Extract) -> int:
    """Number of messages of a lesson that people correct, if `shown` is what they get for an answer."""
    return sum(shown(one.text) != one.facts for one in part.material.learn)


def people(part: Part) -> int:
    """Number of people who say an annotated message in a part."""
    return len(Counter(one.person for one in (*part.material.learn, *part.material.prove)))


def _lesson(said: Sequence[AnnotatedMessage], rate: float) -> Part:
    pace = Pace(rate, max(len(said) / rate, 1.0), learn_share=1.0)
    return Part(Material(tuple(said), (), {}), pace, len(said))
