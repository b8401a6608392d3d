"""Fetches a registered version's folder from MLflow, through the artifact proxy of its tracking server.

Seen with MLflow 3.17: the download address of a version is `mlflow-artifacts:/<experiment>/<run>/artifacts/<path>`,
or, where it was registered so, `runs:/<run>/<path>`, and the run says where its artifacts lie. A listing names the
entries of one folder without their path, and is empty for a folder that is not there.
"""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx

from pawl.errors import InvalidArtifact
from pawl_services.modelserver.download import Download
from pawl_services.modelserver.settings import MODELS, RegistrySettings

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
MAX_ENTRIES = 10_000
_SOURCE = re.compile(rf"{re.escape(MODELS)}([^/]+)/([1-9][0-9]{{0,8}})")


class Registry:
    """MLflow as a source of models; `stopping` ends a download early."""

    def __init__(
        self,
        settings: RegistrySettings,
        stopping: threading.Event | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self._stopping = stopping or threading.Event()
        self._transport = transport

    def fetch(self, source: str, folder: Path) -> None:
        """Make `folder` and put the version's files into it; nothing is said of their content yet. Blocks.

        Raises:
            InvalidArtifact: the source, or what MLflow says of it, cannot be fetched, or is too large.
            NotFound, PermissionDenied, DependencyUnavailable, DeadlineExceeded: see Download.
        """
        name, version = version_of(source)
        with httpx.Client(base_url=self.settings.tracking_uri, transport=self._transport) as http:
            download = Download(http, self.settings.seconds, self.settings.max_bytes, self._stopping)
            path = _artifact_path(download, name, version)
            if not _copy(download, path, folder):
                raise _unusable("the version has no files", source, "register a folder of artifacts")


def version_of(source: str) -> tuple[str, str]:
    """Name and number of `models:/<name>/<number>`. Raises InvalidArtifact."""
    match = _SOURCE.fullmatch(source)
    if match is None:
        remedy = "use models:/<name>/<number>; an alias can move, and a release cannot"
        raise _unusable("the source names no version", source, remedy)
    return unquote(match[1]), match[2]


def _artifact_path(download: Download, name: str, version: str) -> str:
    """Where the version's folder lies below the artifact proxy."""
    asked = {"name": name, "version": version}
    uri = str(download.object(f"{API}/model-versions/get-download-uri", asked).get("artifact_uri", ""))
    parts, below = urlsplit(uri), ""
    if parts.scheme == "runs":
        run, _, below = parts.path.lstrip("/").partition("/")
        told = download.object(f"{API}/runs/get", {"run_id": run})
        uri = str(((told.get("run") or {}).get("info") or {}).get("artifact_uri", ""))
        parts = urlsplit(uri)
    # A server named in the address would be asked for whatever it names, in place of the one that we were told.
    if parts.scheme != "mlflow-artifacts" or parts.netloc or not parts.path.startswith("/"):
        raise _unusable("the version does not lie behind the tracking server", uri, "run MLflow with --serve-artifacts")
    names = [*parts.path.strip("/").split("/"), *(below.strip("/").split("/") if below else ())]
    return "/".join(_single(name) for name in names)


def _copy(download: Download, path: str, folder: Path) -> int:
    """Copy everything below `path`; the number of files."""
    waiting, files, seen = [(path, folder)], 0, 0
    while waiting:
        path, folder = waiting.pop()
        folder.mkdir()
        for name, is_folder in _listed(download, path):
            seen += 1
            if seen > MAX_ENTRIES:
                raise _unusable(f"the version has more than {MAX_ENTRIES} entries", path, "register the model alone")
            below = f"{path}/{name}"
            if is_folder:
                waiting.append((below, folder / name))
            else:
                download.file(f"{ARTIFACTS}/{quote(below)}", folder / name)
                files += 1
    return files


def _listed(download: Download, path: str) -> Iterator[tuple[str, bool]]:
    entries: Any = download.object(ARTIFACTS, {"path": path}).get("files", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _unusable("MLflow's listing cannot be read", path, "is this address MLflow's?")
    for entry in entries:
        yield _single(entry.get("path")), entry.get("is_dir") is True


def _single(name: object) -> str:
    """The name of one entry. Raises InvalidArtifact for one that leads anywhere else than below its folder."""
    if not isinstance(name, str) or name in {"", ".", ".."} or set(name) & {"/", "\\", "\0"}:
        raise _unusable("a name leads out of the artifact's folder", name, "register the model anew")
    return name


def _unusable(what: str, value: object, remedy: str) -> InvalidArtifact:
    return InvalidArtifact(what, field="PAWL_MODEL_SOURCE", value=value, remedy=remedy)
