"""What a person may set about a training, read from the plan's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pawl_trainers.trainer import TrainingError


@dataclass(frozen=True, slots=True)
class Settings:
    """Hyperparameters; the defaults were chosen on people left out of the fit, never on those who prove.

    `outside_weight` is the weight of class OUTSIDE in the loss: at 1 the model learns to find nothing. `empty_share` is
    the part of the messages without a fact that is learned from. A message's tokens after `max_tokens` are not read.
    `threads` are torch's: another number gives another last digit of every sum, and so another model.
    """

    epochs: int = 5
    batch_size: int = 16
    learning_rate: float = 5e-4
    outside_weight: float = 0.25
    empty_share: float = 0.5
    max_tokens: int = 128
    threads: int = 1


_NAMES = {
    "epochs": "epochs",
    "batchSize": "batch_size",
    "learningRate": "learning_rate",
    "outsideWeight": "outside_weight",
    "emptyShare": "empty_share",
    "maxTokens": "max_tokens",
    "threads": "threads",
}
_RANGES = {
    "epochs": (1, 100),
    "batchSize": (1, 1024),
    "learningRate": (1e-8, 1.0),
    "outsideWeight": (1e-3, 1.0),
    "emptyShare": (0.0, 1.0),
    "maxTokens": (8, 8192),
    "threads": (1, 256),
}


def settings_from(parameters: Mapping[str, str]) -> Settings:
    """Read the parameters; raises TrainingError for a name that is not known or a value out of its range."""
    if unknown := sorted(set(parameters) - set(_NAMES)):
        raise TrainingError(f"parameters: {unknown[0]!r} is not known; use one of {', '.join(_NAMES)}")
    kinds = {field.name: field.type for field in fields(Settings)}
    numbers: dict[str, Any] = {
        _NAMES[name]: _number(name, text, kinds[_NAMES[name]]) for name, text in parameters.items()
    }
    return replace(Settings(), **numbers)


def _number(name: str, text: str, kind: object) -> int | float:
    low, high = _RANGES[name]
    try:
        value = int(text) if kind is int else float(text)
    except ValueError as error:
        raise TrainingError(f"parameters.{name}: {text!r} is not a number; use one from {low} to {high}") from error
    if not low <= value <= high:
        raise TrainingError(f"parameters.{name}: {text} is not between {low} and {high}")
    return value
