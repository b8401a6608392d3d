"""Fetches a registered artifact from MLflow, verified by its digest, and asks it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pawl.artifacts import verify_directory
from pawl.errors import PawlError
from pawl_examples.kube import KubeError
from pawl_trainers.serving.entry import load
from pawl_trainers.serving.facts import INPUT, OUTPUT

Json = dict[str, Any]


def fetch(tracking: str, registered: Json, into: Path) -> Path:
    """Download `registered` (`source` models:/name/version, `digest`) from the server at `tracking` into a folder.

    Raises KubeError where the registry does not give it, or it is not what was registered.
    """
    # Its bar would be drawn into the demo's own lines.
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    name, version = registered["source"].removeprefix("models:/").rsplit("/", 1)
    try:
        held = MlflowClient(tracking_uri=tracking).get_model_version(name, version).source
        copied = mlflow.artifacts.download_artifacts(artifact_uri=held, dst_path=str(into), tracking_uri=tracking)
        verify_directory(Path(copied), registered["digest"])
    except (MlflowException, PawlError) as error:
        remedy = "look at the pod in namespace mlflow, and run the demo again"
        raise KubeError(f"{registered['source']} could not be fetched from {tracking} ({error}): {remedy}") from error
    return Path(copied)


def answers_of(directory: Path, texts: Sequence[str]) -> list[list[Json]]:
    """What the artifact in a folder, loaded here, finds in each text, in order."""
    answers = load(directory).predict({INPUT: list(texts)})[OUTPUT]
    return [json.loads(one) for one in answers]
