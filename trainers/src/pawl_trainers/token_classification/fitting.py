"""The epochs of a training; a process that was started again goes on where the lost one ended, and ends alike."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import safetensors.torch
import torch
from numpy.typing import NDArray

from pawl_trainers.facts.scoring import Counts
from pawl_trainers.token_classification.examples import IGNORED, Batch, Prepared, batches, in_order
from pawl_trainers.token_classification.pieces import facts_in
from pawl_trainers.token_classification.settings import Settings

THRESHOLDS = tuple(round(0.1 + 0.05 * step, 2) for step in range(17))
_WEIGHT_DECAY, _LARGEST_GRADIENT, _EVALUATED_AT_ONCE = 0.01, 1.0, 32


@dataclass(frozen=True, slots=True)
class Epoch:
    """What is known after an epoch, the first of which is number 1: the mean loss of its steps, and its seconds."""

    number: int
    loss: float
    seconds: float

    def sentence(self) -> str:
        """Say it to people."""
        return f"epoch {self.number}: loss {self.loss:.3f}, {self.seconds:.0f} s"


class Fitting:
    """A network on its way through the epochs; `epoch` counts those that are done."""

    def __init__(self, network: Any, classes: Sequence[str], settings: Settings, seed: int) -> None:  # noqa: ANN401  transformers' networks share no type
        self.network, self.epoch = network, 0
        self._classes, self._settings, self._seed = classes, settings, seed
        self._learned = {name: each for name, each in network.named_parameters() if each.requires_grad}
        # Fused: on a CPU the step otherwise takes as long as the gradients.
        self._optimizer = torch.optim.AdamW(
            self._learned.values(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
        )
        weights = torch.ones(len(classes))
        weights[0] = settings.outside_weight
        self._loss = torch.nn.CrossEntropyLoss(weight=weights, ignore_index=IGNORED)

    def next_epoch(self, train: Sequence[Prepared]) -> Epoch:
        """Learn from every example once, in an order and with a dropout that depend on seed and epoch alone."""
        began = time.monotonic()
        # Drawn anew by epoch, so that one who goes on from a checkpoint needs no state of a generator.
        torch.manual_seed(self._seed + self.epoch)
        todo = batches(train, self._settings.batch_size, self._seed + self.epoch)
        self.network.train()
        losses = [self._step(batch, at / len(todo)) for at, batch in enumerate(todo)]
        self.epoch += 1
        return Epoch(self.epoch, sum(losses) / len(losses), time.monotonic() - began)

    def best_threshold(self, validation: Sequence[Prepared]) -> tuple[float, float]:
        """Return the threshold with the best F1 on `validation`, and that F1; the middle one where it tells nothing."""
        return best_threshold(probabilities_of(self.network, validation), validation, self._classes)

    def checkpoint(self) -> bytes:
        """Return all that the next epoch depends on beside the base model, as safetensors."""
        tensors = {f"network.{name}": each.detach() for name, each in self._learned.items()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
        return safetensors.torch.save(tensors | {"epoch": torch.tensor(self.epoch)})

    def restore(self, checkpoint: bytes) -> None:
        """Go back to, or on from, where `checkpoint` was taken."""
        tensors = safetensors.torch.load(checkpoint)
        self.epoch = int(tensors.pop("epoch"))
        state: dict[int, dict[str, torch.Tensor]] = {index: {} for index in range(len(self._learned))}
        with torch.no_grad():
            for name, each in self._learned.items():
                each.copy_(tensors.pop(f"network.{name}"))
        for key, value in tensors.items():
            _, index, name = key.split(".")
            state[int(index)][name] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})

    def _step(self, batch: Batch, done: float) -> float:
        """Take one step; `done` is the part of this epoch that is over. The rate falls in a line to 0."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * (1 - (self.epoch + done) / self._settings.epochs)
        logits = self.network(input_ids=batch.ids, attention_mask=batch.mask).logits
        loss = self._loss(logits.flatten(0, 1), batch.labels.flatten())
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learned.values(), _LARGEST_GRADIENT)
        self._optimizer.step()
        return float(loss.detach())


def probabilities_of(network: Any, examples: Sequence[Prepared]) -> list[NDArray[Any]]:  # noqa: ANN401
    """Return, for each example, the probability of each class for each token, shape (tokens, classes)."""
    network.eval()
    found: list[NDArray[Any]] = []
    with torch.inference_mode():
        for batch in in_order(examples, _EVALUATED_AT_ONCE):
            logits = network(input_ids=batch.ids, attention_mask=batch.mask).logits
            lengths = batch.mask.sum(dim=1).tolist()
            found += [row[:length].numpy() for row, length in zip(logits.softmax(-1), lengths, strict=True)]
    return found


def best_threshold(
    probabilities: Sequence[NDArray[Any]], examples: Sequence[Prepared], classes: Sequence[str]
) -> tuple[float, float]:
    """Return the threshold with the best F1 on `examples`, the one in the middle of equals, and that F1."""
    counts = dict.fromkeys(THRESHOLDS, Counts())
    for example, each in zip(examples, probabilities, strict=True):
        for threshold in THRESHOLDS:
            found = {item.fact for item in facts_in(example.pieces, each, classes, threshold)}
            counts[threshold] += Counts.of(found, example.truth)
    f1 = max(counts[threshold].f1 for threshold in THRESHOLDS)
    equal = [threshold for threshold in THRESHOLDS if counts[threshold].f1 == f1]
    return equal[len(equal) // 2], f1
