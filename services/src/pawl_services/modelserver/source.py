"""Finds a model's artifact and checks that it is the one that was released."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pawl.artifacts import verify_directory
from pawl.errors import InvalidArtifact
from pawl_services.modelserver.settings import NO_ARTIFACT

ABSENT = Path("/nonexistent")


def verified_directory(source: str, digest: str) -> Path:
    """Return the artifact's directory after its content matched `digest`; `ABSENT` for source "none".

    Blocks while it reads every file. Raises InvalidArtifact for a source that cannot be read or another content.
    """
    if source == NO_ARTIFACT:
        return ABSENT
    directory = _local_path(source)
    verify_directory(directory, digest)
    return directory


def _local_path(source: str) -> Path:
    parts = urlsplit(source)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        remedy = "use file:///path, or pvc://claim/path in the Rollout; other stores are not read yet"
        raise InvalidArtifact("the source cannot be read", field="PAWL_MODEL_SOURCE", value=source, remedy=remedy)
    return Path(unquote(parts.path))
