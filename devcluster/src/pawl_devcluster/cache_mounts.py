"""What `RUN --mount=type=cache` of our Dockerfiles leaves on the machine: buildah keeps it for ever."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pawl_devcluster.report import Report

# The id that our Dockerfiles give the mount, by which it is told apart from those of other projects.
MOUNT_ID = "pawl-uv"
_LOCKS = "buildah-cache-lockfiles"


def remove(report: Report, environment: Mapping[str, str] = os.environ) -> None:
    """Remove our mounts, and name the folder where others are left: builds of other projects may use them."""
    temporary = Path(environment.get("TMPDIR") or "/var/tmp")  # noqa: S108  # where buildah itself looks
    for parent in (temporary / "buildah-cache", temporary / f"buildah-cache-{os.getuid()}"):
        for mount in (folder / name for folder in (parent, parent / _LOCKS) for name in _names()):
            shutil.rmtree(mount, ignore_errors=True)
        for empty in (parent / _LOCKS, parent):
            with contextlib.suppress(OSError):
                empty.rmdir()
        if parent.exists():
            report(f"{parent} stays, for other builds with buildah may use it; if none does: rm -r {parent}")


def _names() -> list[str]:
    # Newer versions of buildah call the folder by a digest of the id, the newest by one of the id and its owner.
    keys = (MOUNT_ID, f"{MOUNT_ID}:0:0")
    return [MOUNT_ID, *(hashlib.sha256(key.encode()).hexdigest()[:16] for key in keys)]
