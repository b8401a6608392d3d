"""Control groups for each node: two kubelets on one machine must not see each other's pods. Versions 1 and 2."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from pawl_devcluster.errors import DevclusterError

ROOT = Path("/sys/fs/cgroup")
_NEEDED = ("cpu", "memory", "pids")


class Cgroups:
    """The groups /pawl/<cluster>/<node> in every hierarchy of the machine."""

    def __init__(self, cluster: str, root: Path = ROOT) -> None:
        self._cluster = cluster
        self._root = root

    def check(self) -> None:
        """Raise DevclusterError, in one sentence, where pods' limits could not be enforced."""
        missing = [c for c in _NEEDED if c not in self._controllers()]
        if missing:
            raise DevclusterError(
                f"A cluster can't run here: {self._root} lacks the cgroup controllers {', '.join(missing)}; "
                "run on the machine itself or in a container with all cgroup controllers."
            )

    def path(self, node: str) -> str:
        """Return a node's group as the kubelet wants it named."""
        return f"/pawl/{self._cluster}/{node}"

    def make(self, node: str) -> None:
        """Make a node's group in every hierarchy."""
        for hierarchy in self._hierarchies():
            group = hierarchy
            for part in ("pawl", self._cluster, node):
                parent, group = group, group / part
                if self._unified():
                    _delegate(parent)
                group.mkdir(exist_ok=True)
                _copy_cpuset(parent, group)

    def drop(self) -> None:
        """Remove this cluster's groups, whose processes must be gone, and the common parent after the last cluster."""
        for hierarchy in self._hierarchies():
            for folder, _, _ in os.walk(hierarchy / "pawl" / self._cluster, topdown=False):
                _remove(Path(folder))
            shared = hierarchy / "pawl"
            if shared.exists() and not any(p.is_dir() for p in shared.iterdir()):
                _remove(shared)

    def _unified(self) -> bool:
        return (self._root / "cgroup.controllers").exists()

    def _hierarchies(self) -> Iterator[Path]:
        if self._unified():
            yield self._root
            return
        yield from (d for d in sorted(self._root.iterdir()) if d.is_dir() and not d.is_symlink())

    def _controllers(self) -> set[str]:
        if self._unified():
            return set((self._root / "cgroup.controllers").read_text().split())
        return {d.name for d in self._root.iterdir() if d.is_dir()} if self._root.exists() else set()


def _delegate(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in available))


def _copy_cpuset(parent: Path, group: Path) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):
        file = group / name
        # A version 1 group starts with no processors at all, and nothing can run in it until it has some.
        if (parent / name).exists() and file.exists() and not file.read_text().strip():
            file.write_text((parent / name).read_text())


def _remove(group: Path) -> None:
    for _ in range(50):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise DevclusterError(f"{group} can't be removed; see which processes are in {group}/cgroup.procs.")
