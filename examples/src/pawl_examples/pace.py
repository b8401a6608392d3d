"""The demo's times and numbers: a day becomes seconds, and how many people that leaves to judge by."""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pawl_examples.dataset import Material
from pawl_examples.replay import Pace, labelled_people, people_between

Json = dict[str, Any]
FEWEST = 10


@dataclass(frozen=True)
class Times:
    """What 24 h and its parts become, in seconds, and how fast people speak (messages a second).

    `scrape` is Prometheus' own interval.
    """

    hold: int = 18
    window: int = 3
    label_delay: int = 1
    interval: int = 1
    bake: int = 6
    failing: int = 2
    unready: int = 5
    max_duration: int = 120
    scrape: float = 1.0
    rate: float = 30.0
    replay: float = 140.0

    @property
    def pace(self) -> Pace:
        """How the application replays one release."""
        return Pace(self.rate, self.replay)

    @property
    def judged(self) -> int:
        """Seconds of a hold in which a person must begin to speak so that their window closes before it ends."""
        return max(self.hold - self.window - self.label_delay - 2 * self.interval - 1, 1)


@dataclass(frozen=True)
class Numbers:
    """What real people give in the part of one hold that can be judged: the smallest count over the release.

    `labelled` prove people with a fact to find and a label, and `speaking` people in all; the minUsers that follow are
    those of pairs of answers (`accuracy`) and of the smaller arm at the lowest weight (`latency`).
    """

    labelled: int
    speaking: int
    accuracy: int
    latency: int


def numbers(material: Material, times: Times, lowest_weight: int) -> Numbers:
    """Count people by the replay itself and derive minUsers: what all but 1 % of draws of the buckets give."""
    starts = [index * times.replay / 6 for index in range(6)]
    labelled = min(labelled_people(material, times.pace, start, times.judged) for start in starts)
    speaking = min(people_between(material, times.pace, start, times.judged) for start in starts)
    return Numbers(labelled, speaking, max(labelled // 2, FEWEST), max(fewest_in_arm(speaking, lowest_weight), FEWEST))


def fewest_in_arm(people: int, percent: int) -> int:
    """A count of people that an arm of `percent` has in 99 of 100 draws (normal approximation, one-sided)."""
    part = percent / 100
    return math.floor(people * part - 2.326 * math.sqrt(people * part * (1 - part)))


def compress(rollout: Json, times: Times, counted: Numbers) -> Json:
    """The Rollout with seconds in place of days, and the numbers of users that follow; all else as in its manifest."""
    compressed = deepcopy(rollout)
    spec = compressed["spec"]
    for step in spec["steps"]:
        step.update(hold=f"{times.hold}s", maxDuration=f"{times.max_duration}s")
    analysis = spec["analysis"]
    analysis.update(interval=f"{times.interval}s", window=f"{times.window}s", labelDelay=f"{times.label_delay}s")
    analysis["expectedUsers"] = counted.labelled * len(spec["steps"])
    for metric in analysis["metrics"]:
        metric["minUsers"] = counted.accuracy if metric["name"] == "accuracy" else counted.latency
    analysis["hardLimits"]["errorRate"]["for"] = f"{times.failing}s"
    analysis["hardLimits"]["readiness"]["for"] = f"{times.unready}s"
    spec["bake"]["duration"] = f"{times.bake}s"
    return compressed
