"""Fetches a registered artifact from MLflow, verified by its digest, and asks it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.artifacts
from mlflow import MlflowClient

from pawl.artifacts import verify_directory
from pawl_trainers.serving.entry import load
from pawl_trainers.serving.facts import INPUT, OUTPUT

Json = dict[str, Any]


def fetch(tracking: str, registered: Json, into: Path) -> Path:
    """Download `registered` (`source` models:/name/version, `digest`) from the server at `tracking` into a folder.

    Raises InvalidArtifact where it is not what was registered.
    """
    # Its bar would be drawn into the demo's own lines.
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    name, version = registered["source"].removeprefix("models:/").rsplit("/", 1)
    held = MlflowClient(tracking_uri=tracking).get_model_version(name, version)
    found = Path(
        mlflow.artifacts.download_artifacts(artifact_uri=held.source, dst_path=str(into), tracking_uri=tracking)
    )
    verify_directory(found, registered["digest"])
    return found


def answers_of(directory: Path, texts: Sequence[str]) -> list[list[Json]]:
    """What the artifact in a folder, loaded here, finds in each text, in order."""
    answers = load(directory).predict({INPUT: list(texts)})[OUTPUT]
    return [json.loads(one) for one in answers]
