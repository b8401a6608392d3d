"""Entry point `load` for every trainer's model: the format that `model.json` names decides who reads it."""

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

MODEL = "model.json"
LOADERS: Mapping[str, str] = {
    "linear-tagger": "pawl_trainers.serving.linear_tagger:load",
    "rules": "pawl_trainers.serving.rules:load",
    "token-classification": "pawl_trainers.serving.token_classification:load",
}


class UnknownModelError(ValueError):
    """A directory does not say that it holds a model that can be served; the message names file, value and remedy."""


class Predictor(Protocol):
    """What a model server calls, from several threads at once."""

    def signature(self) -> dict[str, list[dict[str, Any]]]:
        """Return the tensors it takes and gives, as the Open Inference Protocol describes them."""
        ...

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Answer named tensors with named tensors; raises ValueError for inputs it cannot use."""
        ...


def load(model_dir: Path) -> Predictor:
    """Load the model in `model_dir`; raises UnknownModelError, or what its own loader raises."""
    described = _described(model_dir / MODEL)
    place = LOADERS.get(described) if isinstance(described, str) else None
    if place is None:
        raise UnknownModelError(f"{MODEL}: format {described!r} is not known; use one of {', '.join(LOADERS)}")
    module, _, attribute = place.partition(":")
    # Only places of the list above are imported: a model cannot name code of its own.
    found: Callable[[Path], Predictor] = getattr(importlib.import_module(module), attribute)
    return found(model_dir)


def _described(path: Path) -> object:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnknownModelError(f"{MODEL}: cannot be read: {error}; export the model again") from error
    return found.get("format") if isinstance(found, dict) else None
