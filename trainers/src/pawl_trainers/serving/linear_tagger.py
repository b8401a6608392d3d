"""Entry point `load` of the linear tagger for a model server; needs numpy and the standard library only."""

from pathlib import Path
from typing import Any

from pawl_trainers.linear_tagger import artifact
from pawl_trainers.linear_tagger.model import LinearTagger
from pawl_trainers.serving import facts
from pawl_trainers.serving.facts import INPUT, OUTPUT

__all__ = ["INPUT", "OUTPUT", "LinearTaggerPredictor", "load"]


class LinearTaggerPredictor:
    """Answers tensor `text` (messages) with tensor `facts` (one JSON list of facts per message)."""

    def __init__(self, tagger: LinearTagger) -> None:
        self._tagger = tagger

    def signature(self) -> dict[str, list[dict[str, Any]]]:
        """Return the tensors it takes and gives, as the Open Inference Protocol describes them."""
        return facts.signature()

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Find the facts of each message; raises ValueError where the tensor `text` is absent or holds no strings."""
        return facts.answered(inputs, self.facts_of)

    def facts_of(self, text: str) -> list[dict[str, Any]]:
        """Return the facts of one message as plain objects: slot, start, end (exclusive), value, confidence."""
        return [
            {**facts.plain(found.fact, text), "confidence": round(found.confidence, 4)}
            for found in self._tagger.find(text)
        ]


def load(model_dir: Path) -> LinearTaggerPredictor:
    """Load the tagger that the trainer exported into `model_dir`; raises artifact.ArtifactError."""
    return LinearTaggerPredictor(artifact.read(model_dir))
