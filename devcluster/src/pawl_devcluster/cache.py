"""The folder of builds and downloads: whole files only, made once even when several processes ask."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.report import Report, Stopwatch

GIB = 1024**3


class Cache:
    """Finished files under one root; a file is visible under its name only when it is complete."""

    def __init__(self, root: Path, report: Report) -> None:
        self.root = root
        self.report = report

    def binary(self, name: str) -> Path:
        """Return the place of an executable."""
        return self.root / "bin" / name

    def image(self, name: str) -> Path:
        """Return the place of an image archive."""
        return self.root / "images" / f"{name}.tar"

    def ensure(self, target: Path, what: str, make: Callable[[Path], None]) -> Path:
        """Return `target`; when it is absent, `make(temporary path)` makes it, and `what` is told with its time."""
        if target.exists():
            return target
        key = f"{target.parent.name}-{target.name}"
        with self.locked(key):
            if target.exists():
                return target
            temporary = self.root / "work" / key
            _remove(temporary)
            for folder in (temporary.parent, target.parent):
                folder.mkdir(parents=True, exist_ok=True)
            self.report(f"{what}: building")
            watch = Stopwatch()
            make(temporary)
            temporary.rename(target)
            self.report(f"{what}: done in {watch.seconds():.0f} s")
        return target

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of that name against all other processes and threads; a killed holder leaves it free."""
        with hold(self.root / "locks" / name, lambda: self.report(f"{name}: waiting for the process that builds it")):
            yield

    def check_space(self, need: int, what: str) -> None:
        """Raise DevclusterError unless `need` bytes are free where the cache is."""
        check_space(self.root, need, what)


@contextmanager
def hold(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on a file; `on_wait` is called once when somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def check_space(folder: Path, need: int, what: str) -> None:
    """Raise DevclusterError, in one sentence, unless `need` bytes are free on the disk of `folder`."""
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < need:
        raise DevclusterError(
            f"{what} needs {need / GIB:.1f} GiB free under {folder}, and {free / GIB:.1f} GiB are: free some space, "
            "or set PAWL_CACHE and PAWL_DEVCLUSTER_STATE to folders on another disk."
        )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
