"""Divides examples by person and by time, so that nothing of what is judged was learned from.

person    a hash of person and seed decides: whoever is in the test part is in it in every run with that seed, so an
          earlier version that is now the champion has not learned from them either
time      the test part is the newest TEST_WINDOW of the test people's examples; what anybody said since it begins is
          kept out of the other parts, as are the older examples of the test people
What is kept out of one run is learned from in a later one, when the window has moved on.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pawl_trainers.trainer import Example

TEST_WINDOW = 1 / 3
"""Part of the test people's examples. A larger one judges more sharply and learns from less: with 2,154 real examples
of 284 people, the linear tagger's F1 was 0.45 from all, 0.41 from 70 % and 0.37 from 50 % of them."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Examples to learn from, to choose by, and to judge by."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def people(self) -> int:
        """Number of people in the test part."""
        return len({example.person for example in self.test})


def split(examples: Sequence[Example], validation_percent: int, test_percent: int, seed: int) -> Parts:
    """Divide `examples`; percentages are of the people. The order of `examples` does not matter."""
    ordered = sorted(examples, key=lambda example: (example.time, example.row_id))
    place = {example.person: bucket(example.person, seed) for example in ordered}
    judged = [example for example in ordered if place[example.person] < test_percent]
    begin = _begin(judged)
    learned = [
        example
        for example in ordered
        if place[example.person] >= test_percent and (begin is None or example.time < begin)
    ]
    limit = test_percent + validation_percent
    return Parts(
        train=tuple(example for example in learned if place[example.person] >= limit),
        validation=tuple(example for example in learned if place[example.person] < limit),
        test=tuple(example for example in judged if begin is not None and example.time >= begin),
    )


def bucket(person: str, seed: int) -> int:
    """Return the person's bucket, 0 to 99."""
    return int(hashlib.sha256(f"{seed}:{person}".encode()).hexdigest(), 16) % 100


def _begin(judged: Sequence[Example]) -> datetime | None:
    return judged[-max(1, round(len(judged) * TEST_WINDOW))].time if judged else None
