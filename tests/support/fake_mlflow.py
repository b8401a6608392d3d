"""A small MLflow for tests: the four calls by which a model is fetched, answering as MLflow 3.17.2 was seen to answer.

That a real one answers so is shown on the cluster, where trainers register and model servers fetch.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
RUN = "927d61ec479f4db786215b3ae3f0b703"
MISSING = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}


@dataclass
class FakeMlflow:
    """Serves the files below `root`. `faults` are statuses that the next calls get instead of an answer."""

    root: Path
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)
    listing: dict[str, Any] | None = None
    calls: list[str] = field(default_factory=list)
    gate: threading.Event | None = None

    def register(self, name: str, *, by_run: bool = False) -> tuple[str, Path]:
        """A new version of a model; the source that names it, and the folder for its files."""
        version = str(1 + sum(known == name for known, _ in self.versions))
        at = f"runs:/{RUN}/model-{version}" if by_run else f"mlflow-artifacts:/1/{RUN}/artifacts/model-{version}"
        self.versions[name, version] = at
        folder = self.root / "1" / RUN / "artifacts" / f"model-{version}"
        folder.mkdir(parents=True)
        return f"models:/{name}/{version}", folder

    def answer(self, url: str) -> tuple[int, bytes]:
        """Status and body of one GET."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.calls.append(unquote(parts.path))
        if self.faults:
            return self.faults.pop(0), b"{}"
        if parts.path == f"{API}/model-versions/get-download-uri":
            uri = self.versions.get((query["name"], query["version"]))
            return _json({"artifact_uri": uri}) if uri else _json(MISSING, 404)
        if parts.path == f"{API}/runs/get":
            info = {"run_id": query["run_id"], "artifact_uri": f"mlflow-artifacts:/1/{query['run_id']}/artifacts"}
            return _json({"run": {"info": info, "data": {}}})
        if parts.path == ARTIFACTS:
            return _json(self.listing if self.listing is not None else self._listed(query["path"]))
        return self._file(unquote(parts.path.removeprefix(f"{ARTIFACTS}/")))

    def _listed(self, path: str) -> dict[str, Any]:
        folder = self.root / path
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        # A member with its default value, such as the size of an empty file, is left out.
        files = [
            {"path": one.name, "is_dir": one.is_dir()}
            | ({"file_size": one.stat().st_size} if one.is_file() and one.stat().st_size else {})
            for one in found
        ]
        return {"files": files} if files else {}

    def _file(self, path: str) -> tuple[int, bytes]:
        if self.gate is not None:
            self.gate.wait(60)
        file = self.root / path
        return (200, file.read_bytes()) if file.is_file() else _json(MISSING, 404)


def _json(content: dict[str, Any], status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps(content).encode()


@contextmanager
def served_mlflow(fake: FakeMlflow) -> Iterator[str]:
    """Serve it on loopback; gives the tracking URI."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = fake.answer(self.path)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
