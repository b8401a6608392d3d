"""Checks what a trainer exported: files of plain data only, so that loading a model can never run code."""

from pathlib import Path

import numpy as np

from pawl.artifacts import digest_directory
from pawl_trainers.serving.entry import MODEL
from pawl_trainers.trainer import TrainingError

ALLOWED = frozenset({".json", ".npz", ".onnx", ".safetensors", ".txt"})


def checked_export(directory: Path) -> str:
    """Return the digest of the model in `directory`; raises TrainingError or InvalidArtifact where it may not leave."""
    digest = digest_directory(directory)
    files = [path for path in directory.rglob("*") if path.is_file()]
    if not (directory / MODEL).is_file():
        raise TrainingError(f"{MODEL}: is not in the export; the trainer must write it with its format")
    for path in files:
        if path.suffix not in ALLOWED:
            kinds = ", ".join(sorted(ALLOWED))
            raise TrainingError(f"{path.name}: is no file of plain data; export only {kinds}")
        if path.suffix == ".npz":
            _refuse_objects(path)
    return digest


def _refuse_objects(path: Path) -> None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                arrays[name]
    except ValueError as error:
        raise TrainingError(f"{path.name}: holds what only pickle can read: {error}; export plain arrays") from error
