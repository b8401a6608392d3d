"""Whether what is served answers as what was trained: the registered artifact, loaded here, beside the Service."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl_examples.loop.golden import ask
from pawl_examples.loop.registry import answers_of

MESSAGES = 500
Json = dict[str, Any]


@dataclass(frozen=True)
class Parity:
    """`different` of `messages` have other facts; `largest` is the largest difference of a confidence otherwise."""

    messages: int
    different: int
    largest: float


def compare(url: str, directory: Path, texts: Sequence[str]) -> Parity:
    """Ask the Service at `url` and the artifact in `directory` about the same texts."""
    served = ask(url, texts)
    trained = answers_of(directory, texts)
    different, largest = 0, 0.0
    for there, here in zip(served, trained, strict=True):
        if [_place(one) for one in there] != [_place(one) for one in here]:
            different += 1
            continue
        pairs = zip(there, here, strict=True)
        largest = max([largest, *(abs(a.get("confidence", 0.0) - b.get("confidence", 0.0)) for a, b in pairs)])
    return Parity(len(texts), different, largest)


def _place(fact: Json) -> tuple[str, int, int]:
    return fact["slot"], fact["start"], fact["end"]
