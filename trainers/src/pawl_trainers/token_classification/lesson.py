"""One training from texts to an exported model, wherever it runs; it can be sent to another machine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from pawl_trainers.facts.examples import LabelledText
from pawl_trainers.token_classification.base import base_of
from pawl_trainers.token_classification.examples import chosen, classes_of, prepared
from pawl_trainers.token_classification.export import export
from pawl_trainers.token_classification.fitting import Epoch, Fitting
from pawl_trainers.token_classification.settings import Settings
from pawl_trainers.trainer import TrainingError

COMPARED = 64
"""So many messages are compared at export; more would find no other operator of the graph."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that the model depends on: the same lesson gives the same files on the same kind of processor."""

    train: Sequence[LabelledText]
    validation: Sequence[LabelledText]
    base_model: str | None
    settings: Settings
    seed: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known of a model: its threshold, F1 of it on the validation part, and the parity of its export."""

    threshold: float
    f1: float
    parity: float

    def sentence(self) -> str:
        """Say it to people."""
        return f"validation F1 {self.f1:.3f} at threshold {self.threshold}; torch and ONNX differ by {self.parity:.1e}"


class Checkpoints(Protocol):
    """Where a lost process leaves what the next one needs."""

    def latest(self) -> bytes | None:
        """Return the checkpoint that was saved last, None where there is none."""
        ...

    def save(self, checkpoint: bytes) -> None:
        """Keep this checkpoint in the place of the one before."""
        ...


class NoCheckpoints:
    """For a training whose process is not started again."""

    def latest(self) -> bytes | None:
        """Return None."""
        return None

    def save(self, checkpoint: bytes) -> None:
        """Keep nothing."""


def learn(lesson: Lesson, directory: Path, checkpoints: Checkpoints, told: Callable[[Epoch], None]) -> Learnt:
    """Write the model that the lesson gives into `directory`, telling of each epoch; raises TrainingError."""
    texts = chosen(lesson.train, lesson.settings.empty_share, lesson.seed)
    classes = classes_of(lesson.train)
    if len(classes) == 1:
        raise TrainingError("examples: none holds a fact; there is nothing to learn")
    with _reproducible(lesson.settings.threads):
        words = [message.text for message in lesson.train]
        base = base_of(lesson.base_model, len(classes), words, lesson.seed, lesson.settings.max_tokens)
        train = [prepared(message, base.tokenizer, classes) for message in texts]
        validation = [prepared(message, base.tokenizer, classes) for message in lesson.validation]
        fitting = Fitting(base.network, classes, lesson.settings, lesson.seed)
        if (checkpoint := checkpoints.latest()) is not None:
            fitting.restore(checkpoint)
        while fitting.epoch < lesson.settings.epochs:
            epoch = fitting.next_epoch(train)
            checkpoints.save(fitting.checkpoint())
            told(epoch)
        # The rate has fallen to nothing by the last epoch, so it is the one to keep; only the threshold is chosen.
        threshold, f1 = fitting.best_threshold(validation)
        checked = (validation or train)[:COMPARED]
        return Learnt(threshold, f1, export(base.network, base.tokenizer, classes, threshold, checked, directory))


@contextmanager
def _reproducible(threads: int) -> Iterator[None]:
    """Let torch compute the same again; the process gets its own settings back."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(mode=strict)
