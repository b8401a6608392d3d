"""The two programs that build images from the same Dockerfiles: docker where its engine answers, else buildah."""

import json
import os
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pawl_devcluster import shell
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.report import Report

BUILD_SECONDS = 1800
EXPORT_SECONDS = 600
LOG_LINES = 30
STAGE_LABEL = "pawl.dev/stage=build"
SHOWN = 140
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class Build:
    """One build: where it begins, what it is called, and what is passed to its Dockerfile."""

    root: Path
    dockerfile: str
    target: str
    name: str
    labels: Mapping[str, str]
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    context: str = "."

    @property
    def folder(self) -> str:
        """The folder that the builder gets to see."""
        return str(self.root / self.context)

    def options(self) -> list[str]:
        """Return the options that docker and buildah share."""
        chosen = ["--file", str(self.root / self.dockerfile), "--tag", self.name]
        chosen += ["--target", self.target] if self.target else []
        for key, value in self.labels.items():
            chosen += ["--label", f"{key}={value}"]
        for key, value in self.arguments.items():
            chosen += ["--build-arg", f"{key}={value}"]
        for key, path in self.secrets.items():
            chosen += ["--secret", f"id={key},src={path}"]
        return chosen


class ImageEngine(Protocol):
    """Builds, inspects and exports images."""

    name: str

    def build(self, build: Build, report: Report) -> None:
        """Build one image, reporting each step; raises DevclusterError with the end of the log."""
        ...

    def label(self, name: str, label: str) -> str:
        """Return an image's label, "" where there is no such image or label."""
        ...

    def identity(self, name: str) -> str:
        """Return an image's id, "" where there is none."""
        ...

    def size(self, name: str) -> int:
        """Return an image's size in bytes."""
        ...

    def export(self, name: str, target: Path) -> None:
        """Write an archive that containerd imports."""
        ...

    def remove(self, image: str) -> None:
        """Remove an image by name or id with its untagged parents; nothing happens where it is absent or in use."""
        ...

    def sweep(self) -> None:
        """Remove what builds left for the next ones to begin from."""
        ...


class Docker:
    """A docker engine with BuildKit."""

    name = "docker"

    def build(self, build: Build, report: Report) -> None:
        """Build one image."""
        command = ["docker", "build", "--progress=plain", *build.options(), build.folder]
        _stream(command, report, steps=("#",), environment={"DOCKER_BUILDKIT": "1"})

    def label(self, name: str, label: str) -> str:
        """Return an image's label."""
        return _quiet(["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{label}"}}}}', name])

    def identity(self, name: str) -> str:
        """Return an image's id."""
        return _quiet(["docker", "image", "inspect", "--format", "{{.Id}}", name])

    def size(self, name: str) -> int:
        """Return an image's size in bytes."""
        return int(_quiet(["docker", "image", "inspect", "--format", "{{.Size}}", name]) or 0)

    def export(self, name: str, target: Path) -> None:
        """Write an archive."""
        shell.run(["docker", "save", "--output", target, name], timeout=EXPORT_SECONDS)

    def remove(self, image: str) -> None:
        """Remove an image."""
        _quiet(["docker", "image", "rm", image])

    def sweep(self) -> None:
        """Remove dangling images of build stages; BuildKit bounds its own cache."""
        _quiet(["docker", "image", "prune", "--force", "--filter", f"label={STAGE_LABEL}"])


class Buildah:
    """buildah without a daemon. Isolation is chroot and the network the host's, so it works inside containers, too."""

    name = "buildah"

    def build(self, build: Build, report: Report) -> None:
        """Build one image."""
        settings = ["--isolation", "chroot", "--network", "host", "--layers", "--format", "docker"]
        _stream(
            ["buildah", "build", *settings, *build.options(), build.folder],
            report,
            steps=("STEP", "["),
            environment={},
        )

    def label(self, name: str, label: str) -> str:
        """Return an image's label."""
        return _inspected(name, f'{{{{index .Docker.Config.Labels "{label}"}}}}')

    def identity(self, name: str) -> str:
        """Return an image's id."""
        return _inspected(name, "{{.FromImageID}}")

    def size(self, name: str) -> int:
        """Return an image's size in bytes, as the sum of its layers."""
        return _size_of(_quiet(["buildah", "images", "--json", name]))

    def export(self, name: str, target: Path) -> None:
        """Write an archive."""
        shell.run(["buildah", "push", "--quiet", name, f"docker-archive:{target}:{name}"], timeout=EXPORT_SECONDS)

    def remove(self, image: str) -> None:
        """Remove an image."""
        _quiet(["buildah", "rmi", image])

    def sweep(self) -> None:
        """Remove the images of build stages."""
        for image in _quiet(["buildah", "images", "--filter", f"label={STAGE_LABEL}", "--format", "{{.ID}}"]).split():
            _quiet(["buildah", "rmi", "--force", image])


def find_engine() -> ImageEngine:
    """Return docker where an engine answers, else buildah; whether buildah is there is the caller's to see to."""
    if shell.succeeds(["docker", "info"], timeout=10):
        return Docker()
    return Buildah()


def host_certificates(environment: Mapping[str, str]) -> Path | None:
    """Return the file of trusted certificates that this machine's environment names, or None."""
    for variable in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if (value := environment.get(variable)) and Path(value).is_file():
            return Path(value)
    return None


def _inspected(name: str, template: str) -> str:
    return _quiet(["buildah", "inspect", "--type", "image", "--format", template, name])


def _quiet(command: Sequence[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    result = shell.attempt(command, timeout=60)
    return result.stdout.strip().replace("<no value>", "") if result.returncode == 0 else ""


def _size_of(listed: str) -> int:
    images = json.loads(listed or "[]")
    if not images:
        return 0
    number, unit = str(images[0]["size"]).split()
    return int(float(number) * _UNITS[unit.upper()])


def _stream(command: Sequence[str], report: Report, steps: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Run a build, reporting the lines that begin a step; raises DevclusterError with the log's end when it fails."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
    )
    timer = threading.Timer(BUILD_SECONDS, process.kill)
    timer.start()
    last: deque[str] = deque(maxlen=LOG_LINES)
    try:
        with process:
            for line in process.stdout or ():
                last.append(line.rstrip())
                if line.startswith(steps):
                    report(shortened(line))
    finally:
        timer.cancel()
    if process.returncode:
        shown = "\n  ".join(last)
        raise DevclusterError(f"{shell.shown(command)} ended with {process.returncode}. The end of its log:\n  {shown}")


def shortened(line: str) -> str:
    """Return a build step as one line for people."""
    text = " ".join(line.split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
