"""Fetches a registered artifact from MLflow, verified by its digest."""

from pathlib import Path
from typing import Any

import mlflow.artifacts
from mlflow import MlflowClient

from pawl.artifacts import verify_directory

Json = dict[str, Any]


def fetch(tracking: str, registered: Json, into: Path) -> Path:
    """Download `registered` (`source` models:/name/version, `digest`) from the server at `tracking` into a folder.

    Raises InvalidArtifact where it is not what was registered.
    """
    name, version = registered["source"].removeprefix("models:/").rsplit("/", 1)
    held = MlflowClient(tracking_uri=tracking).get_model_version(name, version)
    found = Path(
        mlflow.artifacts.download_artifacts(artifact_uri=held.source, dst_path=str(into), tracking_uri=tracking)
    )
    verify_directory(found, registered["digest"])
    return found
