"""Entry point `load` of the rules for a model server, and their export; the image needs the package `groundcheck`."""

import json
from pathlib import Path
from typing import Any

from pawl_trainers import rules
from pawl_trainers.serving import facts

FORMAT = "rules"
MODEL = "model.json"


class RulesPredictor:
    """Answers tensor `text` (messages) with tensor `facts`; rules know no confidence."""

    def signature(self) -> dict[str, list[dict[str, Any]]]:
        """Return the tensors it takes and gives, as the Open Inference Protocol describes them."""
        return facts.signature()

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Find the facts of each message; raises ValueError where the tensor `text` is absent or holds no strings."""
        return facts.answered(inputs, self.facts_of)

    def facts_of(self, text: str) -> list[dict[str, Any]]:
        """Return the facts of one message as plain objects: slot, start, end (exclusive), value."""
        return [facts.plain(fact, text) for fact in sorted(rules.find(text))]


def load(model_dir: Path) -> RulesPredictor:
    """Return the rules; they are code, so `model_dir` need not exist."""
    del model_dir
    return RulesPredictor()


def write(directory: Path) -> None:
    """Write the rules' only file into `directory`, made where absent, so that they are released like any model."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MODEL).write_text(json.dumps({"format": FORMAT}) + "\n", encoding="utf-8")
