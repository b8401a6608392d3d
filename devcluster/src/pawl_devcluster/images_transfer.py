"""Brings images from where they were built onto the cluster's nodes; one that is there already is not sent again."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pawl_devcluster import shell
from pawl_devcluster.cache import check_space
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.image_table import CPU, GPU, find_recipe
from pawl_devcluster.provider import Provider
from pawl_devcluster.report import Stopwatch
from pawl_devcluster.tools import Tools

NOTES = "images.json"  # in the state folder: which images are on the nodes


class ImageTransfer:
    """Loads images by name (docker's store or buildah's) or from an archive file."""

    def __init__(self, tools: Tools, provider: Provider) -> None:
        self._tools = tools
        self._provider = provider
        self._notes = tools.settings.state / NOTES

    def load_named(self, name: str, nodes: Sequence[str] = ()) -> None:
        """Load one image, without `nodes` onto those that it is for; `name` may be the path of an archive.

        Raises DevclusterError when the image is nowhere, or the node that it is for.
        """
        chosen = list(nodes) or self._nodes_for(name)
        if name.endswith(".tar") and Path(name).exists():
            self._provider.load_archive(Path(name), chosen)
            return
        store, identity = find(name)
        missing = [node for node in chosen if self._loaded().get(f"{name}@{node}") != identity]
        if chosen and not missing:
            self._tools.report(f"{name}: already on the nodes")
            return
        watch = Stopwatch()
        self._tools.report(f"{name}: loading on {', '.join(missing)}")
        self._send(store, name, missing)
        for node in missing:
            self._note(f"{name}@{node}", identity)
        self._tools.report(f"{name}: loaded on {', '.join(missing)} in {watch.seconds():.1f} s")

    def load_own(self, name: str) -> None:
        """Load one of this package's own images."""
        archive = self._tools.images.archive(name)
        identity = str(archive.stat().st_mtime_ns)
        if self._loaded().get(name) != identity:
            self._provider.load_archive(archive, self._provider.cpu_nodes())
            self._note(name, identity)

    def _nodes_for(self, name: str) -> list[str]:
        recipe = find_recipe(name)
        pools = {CPU: self._provider.cpu_nodes, GPU: self._provider.gpu_nodes}
        wanted = recipe.pools if recipe is not None else tuple(pools)
        found = [node for pool in wanted for node in pools[pool]()]
        if not found and wanted == (GPU,):
            raise DevclusterError(f"{name} is for GPU nodes, and this cluster has none: bring it up with --size gpu.")
        return found

    def _send(self, store: str, name: str, nodes: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(dir=self._tools.settings.state) as folder:
            archive = Path(folder) / "image.tar"
            size = image_size(store, name)
            check_space(archive.parent, 3 * size, f"Loading {name}")
            if store == "docker":
                shell.run(["docker", "save", "-o", archive, name], timeout=1800)
            else:
                shell.run(["buildah", "push", "-q", name, f"docker-archive:{archive}:{name}"], timeout=1800)
            self._provider.load_archive(archive, nodes)

    def _loaded(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._notes.read_text()) if self._notes.exists() else {}
        return found

    def _note(self, key: str, identity: str) -> None:
        temporary = self._notes.with_suffix(".tmp")
        temporary.write_text(json.dumps({**self._loaded(), key: identity}, indent=1))
        temporary.rename(self._notes)


def find(name: str) -> tuple[str, str]:
    """Return the store that has the image (`docker` or `buildah`) and the image's id."""
    for store, command in {
        "docker": ["docker", "image", "inspect", "--format", "{{.Id}}", name],
        "buildah": ["buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}", name],
    }.items():
        result = shell.attempt(command) if shutil.which(store) else None
        if result is not None and result.returncode == 0:
            return store, result.stdout.strip()
    raise DevclusterError(
        f"Image {name} is neither in docker's store nor in buildah's: run `python -m pawl_devcluster images`."
    )


def image_size(store: str, name: str) -> int:
    """Return about how many bytes the image has."""
    if store == "docker":
        return int(shell.run(["docker", "image", "inspect", "--format", "{{.Size}}", name]))
    return image_bytes(shell.run(["buildah", "images", "--format", "{{.Size}}", name]).splitlines()[0])


def image_bytes(text: str) -> int:
    """Return the number of bytes that buildah prints as `209 MB`."""
    number, unit = text.split()
    return int(float(number) * {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}[unit.upper()])
