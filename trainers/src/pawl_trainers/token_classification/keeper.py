"""An actor on the head that keeps what a training needs to go on, and its model, while workers come and go."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup, get_current_placement_group, remove_placement_group

from pawl_trainers.token_classification.lesson import Lesson
from pawl_trainers.trainer import Report

PIECE = 8 * 1024 * 1024
"""Bytes that travel at once, so that a small object store suffices."""
IDLE_SECONDS = 3600.0
_CHECKPOINT = "checkpoint"
_HEAD = {"node:__internal_head__": 0.001}
"""Ray's own resource of the head node."""


class Keeper:
    """Blobs by name and sentences in order; it ends itself when nobody has called for an hour."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._blobs: dict[str, list[bytes]] = {}
        self._coming: list[bytes] = []
        self._said: list[tuple[float, str]] = []
        self._reserved: PlacementGroup | None = None
        self._touched = time.monotonic()
        threading.Thread(target=self._leave, args=(idle_seconds,), daemon=True).start()

    def add(self, index: int, piece: bytes) -> None:
        """Take piece number `index` of a blob; piece 0 begins a new one in the place of one that was not finished."""
        self._touched = time.monotonic()
        del self._coming[index:]
        self._coming.append(piece)

    def finish(self, name: str) -> None:
        """Let the pieces that were added be the blob of that name."""
        self._blobs[name], self._coming = self._coming, []

    def sizes(self) -> dict[str, int]:
        """Return the number of pieces of each blob."""
        self._touched = time.monotonic()
        return {name: len(pieces) for name, pieces in self._blobs.items()}

    def piece(self, name: str, index: int) -> bytes:
        """Return one piece of a blob."""
        return self._blobs[name][index]

    def say(self, part: float, message: str) -> None:
        """Keep a sentence of progress until it is taken."""
        self._said.append((part, message))

    def take(self) -> list[tuple[float, str]]:
        """Return the sentences since the last call."""
        self._touched = time.monotonic()
        said, self._said = self._said, []
        return said

    def exchange(self, group: PlacementGroup | None) -> PlacementGroup | None:
        """Note the resources that a try has reserved, and return those of the try before."""
        before, self._reserved = self._reserved, group
        return before

    def _leave(self, idle_seconds: float) -> None:
        while time.monotonic() - self._touched < idle_seconds:
            time.sleep(min(60.0, idle_seconds))
        os._exit(0)


@dataclass(frozen=True)
class Kept:
    """A keeper as those who use it see it; it can be sent to a worker, and serves it as the place for checkpoints."""

    actor: Any

    def latest(self) -> bytes | None:
        """Return the checkpoint that was saved last, None where there is none."""
        return self.load(_CHECKPOINT)

    def save(self, checkpoint: bytes) -> None:
        """Keep this checkpoint in the place of the one before."""
        self.store(_CHECKPOINT, checkpoint)

    def store(self, name: str, blob: bytes) -> None:
        """Send a blob; the one before it stays until the last piece has arrived."""
        for index, start in enumerate(range(0, max(len(blob), 1), PIECE)):
            ray.get(self.actor.add.remote(index, blob[start : start + PIECE]))
        ray.get(self.actor.finish.remote(name))

    def load(self, name: str) -> bytes | None:
        """Fetch a blob, None where there is none of that name."""
        pieces = ray.get(self.actor.sizes.remote()).get(name)
        if pieces is None:
            return None
        return b"".join(ray.get(self.actor.piece.remote(name, index)) for index in range(pieces))

    def say(self, part: float, message: str) -> None:
        """Leave a sentence of progress, without waiting."""
        self.actor.say.remote(part, message)

    def tell(self, report: Report) -> None:
        """Pass on the sentences since the last call."""
        for part, message in ray.get(self.actor.take.remote()):
            report(part, message)

    def reserve(self) -> None:
        """On a worker: note what is reserved for it."""
        ray.get(self.actor.exchange.remote(get_current_placement_group()))

    def release(self) -> None:
        """Give back what was reserved by a process that was lost; Ray leaves it so until the job's end."""
        if (left := ray.get(self.actor.exchange.remote(None))) is not None:
            remove_placement_group(left)

    def names(self, prefix: str) -> list[str]:
        """Return the names of the blobs that begin so."""
        return sorted(name for name in ray.get(self.actor.sizes.remote()) if name.startswith(prefix))


@contextmanager
def keeper_of(lesson: Lesson) -> Iterator[Kept]:
    """The keeper of this lesson, found again by a process that takes the place of a lost one; ended with the block."""
    name = f"pawl-lesson-{digest_of(lesson)}"
    made: Any = ray.remote(num_cpus=0, resources=_HEAD)(Keeper)
    actor = made.options(name=name, namespace="pawl", lifetime="detached", get_if_exists=True).remote()
    try:
        yield Kept(actor)
    finally:
        ray.kill(actor)


def digest_of(lesson: Lesson) -> str:
    """Return 16 hex digits that tell this lesson from any other, in every process alike."""
    parts = [(each.text, sorted(each.facts)) for each in (*lesson.train, *lesson.validation)]
    told = repr((len(lesson.train), parts, lesson.base_model, lesson.settings, lesson.seed))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]
