"""Entry points of the demo's bad versions: the stable model, harmed in one way each.

They import nothing but the trainers' serving part, so the image that serves them needs nothing of the demo.
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from pawl_trainers.facts.spans import SLOTS
from pawl_trainers.serving.linear_tagger import OUTPUT
from pawl_trainers.serving.linear_tagger import load as load_tagger

DELAY_SECONDS = 0.4
CRASH_EVERY = 3

Tensors = dict[str, list[Any]]


class Predictor(Protocol):
    """What a model server calls."""

    def predict(self, inputs: Tensors) -> Tensors:
        """Answer named tensors with named tensors."""


class Slow:
    """Right, but 400 ms late."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner

    def predict(self, inputs: Tensors) -> Tensors:
        """Answer as the inner predictor does, later."""
        # Waiting is what this version is for.
        time.sleep(DELAY_SECONDS)
        return self._inner.predict(inputs)


class Crashing:
    """Right twice; the third request ends the process, as a segmentation fault would."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner
        self._asked = 0
        self._lock = threading.Lock()

    def predict(self, inputs: Tensors) -> Tensors:
        """Answer as the inner predictor does, or end the process at once."""
        with self._lock:
            self._asked += 1
            last = self._asked % CRASH_EVERY == 0
        if last:
            os._exit(1)
        return self._inner.predict(inputs)


class Permuted:
    """The right spans under wrong slots: each slot is called by the name of the next."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner

    def predict(self, inputs: Tensors) -> Tensors:
        """Answer with every slot exchanged."""
        return {OUTPUT: [json.dumps([_renamed(fact) for fact in json.loads(one)]) for one in self._facts(inputs)]}

    def _facts(self, inputs: Tensors) -> list[Any]:
        return self._inner.predict(inputs)[OUTPUT]


class Silent:
    """Finds nothing, which is right for four messages of five."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner

    def predict(self, inputs: Tensors) -> Tensors:
        """Answer with no fact at all."""
        return {OUTPUT: ["[]" for _ in self._inner.predict(inputs)[OUTPUT]]}


def permuted_slot(slot: str) -> str:
    """The wrong name of a slot; no slot keeps its own."""
    return SLOTS[(SLOTS.index(slot) + 1) % len(SLOTS)]


def slow(model_dir: Path) -> Predictor:
    """Load the version that is slow by 400 ms."""
    return Slow(load_tagger(model_dir))


def crashing(model_dir: Path) -> Predictor:
    """Load the version that exits on every third request."""
    return Crashing(load_tagger(model_dir))


def permuted(model_dir: Path) -> Predictor:
    """Load the version that names every slot wrongly."""
    return Permuted(load_tagger(model_dir))


def silent(model_dir: Path) -> Predictor:
    """Load the version that returns nothing."""
    return Silent(load_tagger(model_dir))


def _renamed(fact: dict[str, Any]) -> dict[str, Any]:
    return {**fact, "slot": permuted_slot(fact["slot"])}
