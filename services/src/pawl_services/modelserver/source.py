"""Finds a model's artifact and checks that it is the one that was released."""

import atexit
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from pawl.artifacts import verify_directory
from pawl.errors import InvalidArtifact
from pawl_services.modelserver.registry import Registry
from pawl_services.modelserver.settings import MODELS, NO_ARTIFACT

ABSENT = Path("/nonexistent")
_log = structlog.get_logger(__name__)


def verified_directory(source: str, digest: str, registry: Registry | None = None) -> Path:
    """Return the artifact's directory after its content matched `digest`; `ABSENT` for source "none".

    Blocks while it reads every file, and for `models:/...` until `registry` has them here. Raises InvalidArtifact for
    a source that cannot be read or another content, and what Registry.fetch raises.
    """
    if source == NO_ARTIFACT:
        return ABSENT
    if source.startswith(MODELS) and registry is not None:
        return _fetched(source, digest, registry)
    directory = _local_path(source)
    verify_directory(directory, digest)
    return directory


def _fetched(source: str, digest: str, registry: Registry) -> Path:
    """The folder of a registered version: the one that an earlier start left behind, else fetched."""
    home = registry.settings.cache or _temporary()
    place = home / digest.replace(":", "-")
    if _holds(place, digest):
        _log.info("model was fetched before", source=source)
        return place
    arriving = place.with_suffix(".arriving")
    for leftover in (arriving, place):
        if leftover.exists():
            shutil.rmtree(leftover)
    registry.fetch(source, arriving)
    verify_directory(arriving, digest)
    return arriving.rename(place)


def _holds(place: Path, digest: str) -> bool:
    try:
        verify_directory(place, digest)
    except InvalidArtifact:
        return False
    return True


def _temporary() -> Path:
    """A folder that goes with the process; the model may read its files for as long."""
    home = Path(tempfile.mkdtemp(prefix="pawl-model-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


def _local_path(source: str) -> Path:
    parts = urlsplit(source)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        remedy = "use file:///path, or models:/name/7 or pvc://claim/path in the Rollout; other stores are not read yet"
        raise InvalidArtifact("the source cannot be read", field="PAWL_MODEL_SOURCE", value=source, remedy=remedy)
    return Path(unquote(parts.path))
