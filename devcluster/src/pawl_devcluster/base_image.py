"""Stand-ins for the official images that ours begin from, made from Debian's packages where no registry answers."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pawl_devcluster import debian, shell
from pawl_devcluster.cache import Cache, check_space
from pawl_devcluster.report import Report, Stopwatch

_REGISTRY, _OURS = "docker.io/library", "localhost/pawl-devcluster"
_TOOLS = {"buildah": "buildah", "debootstrap": "debootstrap"}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_NEEDED = ("usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt", "var/lib/apt/lists", "var/log")
# What Debian's slim images have, so that packages installed later bring no documents either.
_SLIM = "".join(f"path-exclude /usr/share/{name}/*\n" for name in ("doc", "info", "locale", "man"))
_SLIM += "path-include /usr/share/doc/*/copyright\n"
_NEED = 2 * 1024**3
PULL_SECONDS = 120
BOOTSTRAP_SECONDS = 1200


@dataclass(frozen=True)
class Base:
    """An official image that Dockerfiles begin from, and what its stand-in is made of.

    name: as in the registry, with the tag; argument: of the Dockerfiles, for the image in its place; suite, packages:
    Debian's, of the stand-in; cmd: what it runs.
    """

    name: str
    argument: str
    suite: str
    packages: tuple[str, ...]
    cmd: str

    @property
    def official(self) -> str:
        """The full name of the official image."""
        return f"{_REGISTRY}/{self.name}"

    @property
    def stand_in(self) -> str:
        """The full name of the image made here."""
        return f"{_OURS}/{self.name}"


PYTHON = Base(
    "python:3.11-slim-bookworm", "PYTHON", "bookworm", ("python3", "python3-pip", "ca-certificates"), "python3"
)
DEBIAN = Base("debian:trixie-slim", "DEBIAN", "trixie", (), "bash")
BASES = (PYTHON, DEBIAN)


def ensure_base(base: Base, cache: Cache, report: Report) -> str:
    """Return the name of that image in buildah's store, pulled or made from Debian packages where there is none.

    Raises DevclusterError where the tools cannot be installed or Debian's packages cannot be reached.
    """
    debian.install_tools(_TOOLS, cache)
    with cache.locked(f"{base.argument.lower()}-base-image"):
        for name in (base.stand_in, base.official):
            if _present(name):
                return name
        check_space(Path("/var/lib/containers"), _NEED, "Building images")
        if _pulled(base, report):
            return base.official
        _make(base, cache, report)
    return base.stand_in


def _present(name: str) -> bool:
    return shell.succeeds(["buildah", "inspect", "--type", "image", name])


def _pulled(base: Base, report: Report) -> bool:
    report(f"pulling {base.official}")
    return shell.succeeds(["buildah", "pull", "--quiet", base.official], timeout=PULL_SECONDS)


def _make(base: Base, cache: Cache, report: Report) -> None:
    report(f"no registry answers: making {base.stand_in} from Debian packages (about a minute)")
    watch = Stopwatch()
    root = cache.root / "images" / f"{base.argument.lower()}.rootfs"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        shell.run(_bootstrap(base, root), timeout=BOOTSTRAP_SECONDS)
        _shape(root)
        _commit(base, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    report(f"{base.stand_in}: made in {watch.seconds():.0f} s")


def _bootstrap(base: Base, root: Path) -> list[str | Path]:
    include = [f"--include={','.join(base.packages)}"] if base.packages else []
    return ["debootstrap", "--variant=minbase", *include, base.suite, root]


def _shape(root: Path) -> None:
    """Make the tree as slim as the official image and, where it has Python, as open to `pip install`."""
    for name in _NOT_NEEDED:
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "var/log").mkdir(exist_ok=True)
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(_SLIM)
    for path in (root / "usr/share/doc").rglob("*"):
        if path.is_symlink() or (path.is_file() and path.name != "copyright"):
            path.unlink()
    for name in ("python", "pip"):
        link = root / "usr/local/bin" / name
        if (root / f"usr/bin/{name}3").exists() and not os.path.lexists(link):
            link.symlink_to(f"/usr/bin/{name}3")
    for path in (root / "usr/lib").glob("python3*/EXTERNALLY-MANAGED"):
        path.unlink()


def _commit(base: Base, root: Path) -> None:
    container = shell.run(["buildah", "from", "scratch"]).strip()
    try:
        shell.run(["buildah", "add", "--quiet", container, root, "/"], timeout=600)
        shell.run(
            ["buildah", "config", "--env", f"PATH={_PATH}", "--env", "LANG=C.UTF-8", "--cmd", base.cmd, container]
        )
        shell.run(["buildah", "commit", "--quiet", "--format", "docker", container, base.stand_in], timeout=600)
    finally:
        shell.attempt(["buildah", "rm", container])
