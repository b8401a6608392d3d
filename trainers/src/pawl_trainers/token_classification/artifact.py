"""The model on disk: an ONNX graph, a tokenizer and JSON, so that loading a model cannot run code."""

# onnxruntime ships no types.
# mypy: disable-error-code="import-untyped"

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onnxruntime import InferenceSession, SessionOptions
from tokenizers import Tokenizer

from pawl_trainers.facts.spans import OUTSIDE
from pawl_trainers.token_classification.model import IDS, MASK, PROBABILITIES, TokenClassifier

FORMAT, VERSION = "token-classification", 1
MODEL, GRAPH, TOKENIZER = "model.json", "model.onnx", "tokenizer.json"


class ArtifactError(ValueError):
    """A directory does not hold a token classifier that this version can read; the message names file and remedy."""


def describe(directory: Path, classes: Sequence[str], threshold: float, parity: float) -> None:
    """Write `model.json` beside the graph and the tokenizer.

    `parity` is the largest difference of a probability between torch and the graph, as measured at export.
    """
    described = {
        "format": FORMAT,
        "version": VERSION,
        "threshold": threshold,
        "classes": list(classes),
        "parity": parity,
    }
    (directory / MODEL).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def read(directory: Path) -> TokenClassifier:
    """Read a model; raises ArtifactError where a file is absent, unreadable, or does not fit the others."""
    described = _described(directory / MODEL)
    try:
        classifier = TokenClassifier(
            tokenizer=Tokenizer.from_str((directory / TOKENIZER).read_text(encoding="utf-8")),
            session=session(directory / GRAPH),
            classes=tuple(described["classes"]),
            threshold=float(described["threshold"]),
        )
    except Exception as error:  # both libraries raise bare exceptions
        raise ArtifactError(f"{directory.name}: cannot be read as a token classifier: {error}") from error
    _check(classifier)
    return classifier


def session(graph: Path) -> InferenceSession:
    """Open a graph on one thread: a model server runs many texts at once, and a sum's order stays the same."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"])


def _check(classifier: TokenClassifier) -> None:
    classes = classifier.classes
    if not classes or classes[0] != OUTSIDE or len(set(classes)) != len(classes):
        raise ArtifactError(f"{MODEL}: classes must begin with {OUTSIDE!r} and differ; export the model again")
    if not 0 < classifier.threshold < 1:
        raise ArtifactError(f"{MODEL}: threshold {classifier.threshold} is not between 0 and 1")
    taken = {tensor.name for tensor in classifier.session.get_inputs()}
    given = {tensor.name: tensor.shape for tensor in classifier.session.get_outputs()}
    if taken != {IDS, MASK} or PROBABILITIES not in given or given[PROBABILITIES][-1] != len(classes):
        raise ArtifactError(
            f"{GRAPH}: takes {sorted(taken)} and gives {given}, which does not fit {len(classes)} classes; "
            "the files are of two exports"
        )


def _described(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise ArtifactError(f"{path.name}: format is not {FORMAT} {VERSION}; export the model again with this trainer")
    return found
