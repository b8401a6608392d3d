"""A stand-in for the official Python image, made from Debian's packages where no image registry can be reached."""

import os
import shutil
from pathlib import Path

from pawl_devcluster import debian, shell
from pawl_devcluster.cache import Cache, check_space
from pawl_devcluster.report import Report, Stopwatch

OFFICIAL = "docker.io/library/python:3.11-slim-bookworm"
STAND_IN = "localhost/pawl-devcluster/python:3.11-slim-bookworm"
_TOOLS = {"buildah": "buildah", "debootstrap": "debootstrap"}
_PACKAGES = ("python3", "python3-pip", "ca-certificates")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_NEEDED = ("usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt", "var/lib/apt/lists", "var/log")
_NEED = 2 * 1024**3
PULL_SECONDS = 120
BOOTSTRAP_SECONDS = 1200


def ensure_base(cache: Cache, report: Report) -> str:
    """Return the name of a Python 3.11 image in buildah's store, pulled or made from Debian packages where none is.

    Raises DevclusterError where the tools cannot be installed or Debian's packages cannot be reached.
    """
    debian.install_tools(_TOOLS, cache)
    with cache.locked("python-base-image"):
        for name in (STAND_IN, OFFICIAL):
            if _present(name):
                return name
        check_space(Path("/var/lib/containers"), _NEED, "Building images")
        if _pulled(report):
            return OFFICIAL
        _make(cache, report)
    return STAND_IN


def _present(name: str) -> bool:
    return shell.succeeds(["buildah", "inspect", "--type", "image", name])


def _pulled(report: Report) -> bool:
    report(f"pulling {OFFICIAL}")
    return shell.succeeds(["buildah", "pull", "--quiet", OFFICIAL], timeout=PULL_SECONDS)


def _make(cache: Cache, report: Report) -> None:
    report("no registry answers: making the Python image from Debian packages (about a minute)")
    watch = Stopwatch()
    root = cache.root / "images" / "python.rootfs"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        include = f"--include={','.join(_PACKAGES)}"
        shell.run(["debootstrap", "--variant=minbase", include, "bookworm", root], timeout=BOOTSTRAP_SECONDS)
        _shape(root)
        _commit(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    report(f"{STAND_IN}: made in {watch.seconds():.0f} s")


def _shape(root: Path) -> None:
    """Make the tree as slim and as open to `pip install` as the official image."""
    for name in _NOT_NEEDED:
        shutil.rmtree(root / name, ignore_errors=True)
    for path in (root / "usr/share/doc").rglob("*"):
        if path.is_symlink() or (path.is_file() and path.name != "copyright"):
            path.unlink()
    for name in ("python", "python3", "pip"):
        link = root / "usr/local/bin" / name
        if not os.path.lexists(link) and name != "python3":
            link.symlink_to(f"/usr/bin/{name}3")
    (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
    (root / "var/log").mkdir(exist_ok=True)


def _commit(root: Path) -> None:
    container = shell.run(["buildah", "from", "scratch"]).strip()
    try:
        shell.run(["buildah", "add", "--quiet", container, root, "/"], timeout=600)
        shell.run(
            ["buildah", "config", "--env", f"PATH={_PATH}", "--env", "LANG=C.UTF-8", "--cmd", "python3", container]
        )
        shell.run(["buildah", "commit", "--quiet", "--format", "docker", container, STAND_IN], timeout=600)
    finally:
        shell.attempt(["buildah", "rm", container])
