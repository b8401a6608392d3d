"""Writes image archives (the format of `docker save`) without an engine: the same files give the same bytes."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pawl_devcluster import shell


@dataclass(frozen=True)
class ImageSpec:
    """One image of a single layer.

    files: path in the image -> file on disk (all are executable); folders: empty ones, writable by all; user: numeric.
    """

    name: str
    entrypoint: Sequence[str]
    files: Mapping[str, Path]
    folders: Sequence[str] = ()
    user: str = ""
    environment: Sequence[str] = field(default=("PATH=/usr/local/bin:/usr/bin:/bin",))


def write_archive(spec: ImageSpec, target: Path) -> None:
    """Write the archive that containerd, docker and kind import."""
    layer = target.with_name(f"{target.name}.layer")
    try:
        with layer.open("wb") as handle:
            _write_layer(spec, handle)
        digest = _sha256(layer)
        with tarfile.open(target, "w") as archive:
            _add_bytes(archive, f"{_config_digest(spec, digest)}.json", _config(spec, digest))
            _add_bytes(archive, "manifest.json", _manifest(spec, digest))
            _add_file(archive, f"{digest}/layer.tar", layer, 0o644)
    finally:
        layer.unlink(missing_ok=True)


def shared_libraries(program: Path) -> dict[str, Path]:
    """Return path in the image -> file for all libraries that a dynamically linked program loads."""
    found: dict[str, Path] = {}
    for line in shell.run(["ldd", program]).splitlines():
        words = line.replace("=>", " ").split()
        paths = [w for w in words if w.startswith("/")]
        if paths:
            found[paths[-1].lstrip("/")] = Path(paths[-1])
    return found


def _write_layer(spec: ImageSpec, handle: IO[bytes]) -> None:
    with tarfile.open(fileobj=handle, mode="w") as layer:
        for folder in sorted(spec.folders):
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            layer.addfile(entry)
        for path, source in sorted(spec.files.items()):
            _add_file(layer, path.lstrip("/"), source, 0o755)


def _config(spec: ImageSpec, layer_digest: str) -> bytes:
    settings = {
        "Entrypoint": list(spec.entrypoint),
        "Env": list(spec.environment),
        "WorkingDir": "/",
        "User": spec.user,
    }
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{}],
    }
    return json.dumps(config, sort_keys=True).encode()


def _config_digest(spec: ImageSpec, layer_digest: str) -> str:
    return hashlib.sha256(_config(spec, layer_digest)).hexdigest()


def _manifest(spec: ImageSpec, layer_digest: str) -> bytes:
    entry = {
        "Config": f"{_config_digest(spec, layer_digest)}.json",
        "RepoTags": [spec.name],
        "Layers": [f"{layer_digest}/layer.tar"],
    }
    return json.dumps([entry]).encode()


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _add_bytes(archive: tarfile.TarFile, path: str, data: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(data), 0o644
    archive.addfile(entry, io.BytesIO(data))


def _add_file(archive: tarfile.TarFile, path: str, source: Path, mode: int) -> None:
    with source.open("rb") as handle:
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = source.stat().st_size, mode
        archive.addfile(entry, handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
