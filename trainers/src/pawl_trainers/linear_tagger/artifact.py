"""The tagger on disk: plain arrays and JSON, never pickle, so that loading a model cannot run code."""

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from pawl_trainers.linear_tagger.model import OUTSIDE, LinearTagger

FORMAT, VERSION = "linear-tagger", 1
MODEL, VOCABULARY, WEIGHTS = "model.json", "vocabulary.json", "weights.npz"


class ArtifactError(ValueError):
    """A directory does not hold a linear tagger that this version can read; the message names file and remedy."""


def write(tagger: LinearTagger, directory: Path) -> None:
    """Write the tagger's three files into `directory`, made where absent; the same tagger gives the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    described = {"format": FORMAT, "version": VERSION, "threshold": tagger.threshold, "classes": list(tagger.classes)}
    (directory / MODEL).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    names = sorted(tagger.vocabulary, key=tagger.vocabulary.__getitem__)
    (directory / VOCABULARY).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
    np.savez_compressed(directory / WEIGHTS, weights=tagger.weights.astype(np.float32))


def read(directory: Path) -> LinearTagger:
    """Read a tagger; raises ArtifactError where a file is absent, unreadable, or does not fit the others."""
    described = _json(directory / MODEL)
    if not isinstance(described, dict) or (described.get("format"), described.get("version")) != (FORMAT, VERSION):
        raise ArtifactError(f"{MODEL}: format is not {FORMAT} {VERSION}; export the model again with this trainer")
    names = _json(directory / VOCABULARY)
    if not isinstance(names, list):
        raise ArtifactError(f"{VOCABULARY}: is not a list of feature names; export the model again")
    try:
        with np.load(directory / WEIGHTS, allow_pickle=False) as arrays:
            weights = arrays["weights"]
        tagger = LinearTagger(
            vocabulary={name: row for row, name in enumerate(names)},
            classes=tuple(described["classes"]),
            weights=weights,
            threshold=float(described["threshold"]),
        )
    except (OSError, EOFError, KeyError, TypeError, ValueError, BadZipFile) as error:
        raise ArtifactError(f"{directory.name}: cannot be read as a linear tagger: {error}") from error
    _check(tagger)
    return tagger


def _check(tagger: LinearTagger) -> None:
    expected = (len(tagger.vocabulary) + 1, len(tagger.classes))
    if tagger.weights.shape != expected:
        raise ArtifactError(
            f"{WEIGHTS}: shape {tagger.weights.shape} does not fit {expected}; the files are of two exports"
        )
    if not tagger.classes or tagger.classes[0] != OUTSIDE:
        raise ArtifactError(f"{MODEL}: classes must begin with {OUTSIDE!r}")
    if not 0 < tagger.threshold < 1:
        raise ArtifactError(f"{MODEL}: threshold {tagger.threshold} is not between 0 and 1")


def _json(path: Path) -> object:
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path.name}: cannot be read: {error}") from error
    return found
