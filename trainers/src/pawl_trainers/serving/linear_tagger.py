"""Entry point `load` of the linear tagger for a model server; needs numpy and the standard library only."""

import json
from pathlib import Path
from typing import Any

from pawl_trainers.linear_tagger import artifact
from pawl_trainers.linear_tagger.model import LinearTagger

INPUT, OUTPUT = "text", "facts"


class LinearTaggerPredictor:
    """Answers tensor `text` (messages) with tensor `facts` (one JSON list of facts per message)."""

    def __init__(self, tagger: LinearTagger) -> None:
        self._tagger = tagger

    def signature(self) -> dict[str, list[dict[str, Any]]]:
        """Return the tensors it takes and gives, as the Open Inference Protocol describes them."""
        return {
            "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
            "outputs": [{"name": OUTPUT, "datatype": "BYTES", "shape": [-1]}],
        }

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Find the facts of each message; raises ValueError where the tensor `text` is absent or holds no strings."""
        texts = inputs.get(INPUT)
        if texts is None or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"inputs: tensor {INPUT!r} of datatype BYTES with UTF-8 texts is required")
        return {OUTPUT: [json.dumps(self.facts_of(text)) for text in texts]}

    def facts_of(self, text: str) -> list[dict[str, Any]]:
        """Return the facts of one message as plain objects: slot, start, end (exclusive), value, confidence."""
        return [
            {
                "slot": found.fact.slot,
                "start": found.fact.start,
                "end": found.fact.end,
                "value": text[found.fact.start : found.fact.end],
                "confidence": round(found.confidence, 4),
            }
            for found in self._tagger.find(text)
        ]


def load(model_dir: Path) -> LinearTaggerPredictor:
    """Load the tagger that the trainer exported into `model_dir`; raises artifact.ArtifactError."""
    return LinearTaggerPredictor(artifact.read(model_dir))
