"""What every predictor of facts has in common: the tensors it takes and gives, and the form of a fact."""

import json
from collections.abc import Callable
from typing import Any

from pawl_trainers.facts.spans import Fact

INPUT, OUTPUT = "text", "facts"
Tensors = dict[str, list[Any]]


def signature() -> dict[str, list[dict[str, Any]]]:
    """Return the tensors as the Open Inference Protocol describes them: one text and one JSON list per row."""
    return {
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": OUTPUT, "datatype": "BYTES", "shape": [-1]}],
    }


def texts_of(inputs: Tensors) -> list[str]:
    """Return the texts asked about; raises ValueError where the tensor `text` is absent or holds no strings."""
    texts = inputs.get(INPUT)
    if texts is None or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"inputs: tensor {INPUT!r} of datatype BYTES with UTF-8 texts is required")
    return texts


def answered(inputs: Tensors, facts_of: Callable[[str], list[dict[str, Any]]]) -> Tensors:
    """Answer tensor `text` (messages) with tensor `facts` (one JSON list of facts per message); raises ValueError."""
    return {OUTPUT: [json.dumps(facts_of(text)) for text in texts_of(inputs)]}


def plain(fact: Fact, text: str) -> dict[str, Any]:
    """Return a fact as a plain object: slot, start, end (exclusive) and value."""
    return {"slot": fact.slot, "start": fact.start, "end": fact.end, "value": text[fact.start : fact.end]}
