"""The few things of the machine itself that a cluster touches, and how they are put back."""

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

_SYS = Path("/proc/sys")


def read_sysctls(names: Iterable[str]) -> dict[str, str]:
    """Return the machine's present values."""
    return {name: _file(name).read_text().strip() for name in names if _file(name).exists()}


def write_sysctls(values: Mapping[str, str]) -> None:
    """Put values back; one that can't be written is left."""
    for name, value in values.items():
        with contextlib.suppress(OSError):
            _file(name).write_text(value)


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the folders that hold nothing."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def remove_tree(folder: Path) -> None:
    """Remove a folder; it vanishes under its name at once, so an interruption leaves no half of it."""
    remains = folder.with_name(f".{folder.name}.removed")
    _wipe(remains)
    folder.rename(remains)
    _wipe(remains)


def sweep(state_root: Path) -> None:
    """Remove what an interrupted `remove_tree` left and, after the last cluster, the folder that held them."""
    if not state_root.is_dir():
        return
    for remains in state_root.glob(".*.removed"):
        _wipe(remains)
    remove_empty([state_root])


def _wipe(folder: Path) -> None:
    while folder.exists():
        # Another command may sweep the same folder: what it takes away first is no error, the rest is still to do.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _file(name: str) -> Path:
    return _SYS / name.replace(".", "/")
