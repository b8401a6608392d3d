"""A stand-in for MLflow on loopback: only what its client asks when a version is registered.

The answers have the shapes that MLflow 3.17.2 gives; the cluster's tests register in the real one.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Answer = tuple[int, Json]
_API, _ARTIFACTS = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts/"


@dataclass
class FakeRegistry:
    """What was registered. The next `lose` calls are answered with 503 before anything is done."""

    url: str = ""
    models: set[str] = field(default_factory=set)
    experiments: dict[str, str] = field(default_factory=dict)
    runs: dict[str, Json] = field(default_factory=dict)
    versions: list[Json] = field(default_factory=list)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    lose: int = 0

    def answer(self, route: str, sent: Json) -> Answer:
        if self.lose:
            self.lose -= 1
            return 503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "told to be unavailable"}
        handler = _ROUTES.get(route)
        return handler(self, sent) if handler else (404, {"error_code": "ENDPOINT_NOT_FOUND", "message": route})

    def files(self, version: int) -> dict[str, bytes]:
        """The files of a version's model folder, by name."""
        prefix = self.versions[version - 1]["source"].removeprefix("mlflow-artifacts:/") + "/"
        return {name.removeprefix(prefix): data for name, data in self.artifacts.items() if name.startswith(prefix)}

    def tags(self, version: int) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.versions[version - 1]["tags"]}


def _create_model(fake: FakeRegistry, sent: Json) -> Answer:
    if sent["name"] in fake.models:
        return 400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "it is there"}
    fake.models.add(sent["name"])
    return 200, {"registered_model": {"name": sent["name"]}}


def _search_versions(fake: FakeRegistry, sent: Json) -> Answer:
    name, _, tag = sent["filter"].partition(" and tags.`pawl.run` = ")
    wanted = (name.removeprefix("name = ").strip("'"), {"key": "pawl.run", "value": tag.strip("'")})
    found = [one for one in fake.versions if one["name"] == wanted[0] and wanted[1] in one["tags"]]
    return 200, {"model_versions": found}


def _create_version(fake: FakeRegistry, sent: Json) -> Answer:
    number = str(1 + sum(one["name"] == sent["name"] for one in fake.versions))
    fake.versions.append({**sent, "version": number, "status": "READY"})
    return 200, {"model_version": fake.versions[-1]}


def _get_experiment(fake: FakeRegistry, sent: Json) -> Answer:
    name = sent["experiment_name"]
    if name not in fake.experiments:
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": name}
    return 200, {"experiment": {"experiment_id": fake.experiments[name], "name": name}}


def _create_experiment(fake: FakeRegistry, sent: Json) -> Answer:
    fake.experiments[sent["name"]] = str(len(fake.experiments) + 1)
    return 200, {"experiment_id": fake.experiments[sent["name"]]}


def _create_run(fake: FakeRegistry, sent: Json) -> Answer:
    # The client keeps what it knows of a run for the life of the process, so no two may have one id.
    identity = uuid.uuid4().hex
    uri = f"mlflow-artifacts:/{sent['experiment_id']}/{identity}/artifacts"
    info = {"run_id": identity, "run_uuid": identity, "artifact_uri": uri, "experiment_id": sent["experiment_id"]}
    info |= {"status": "RUNNING", "start_time": 1, "lifecycle_stage": "active", "user_id": ""}
    fake.runs[identity] = {"info": info, "data": {"tags": sent.get("tags", [])}}
    return 200, {"run": fake.runs[identity]}


def _get_run(fake: FakeRegistry, sent: Json) -> Answer:
    return 200, {"run": fake.runs[sent["run_id"]]}


def _log(kind: str) -> Callable[[FakeRegistry, Json], Answer]:
    def log(fake: FakeRegistry, sent: Json) -> Answer:
        fake.runs[sent["run_id"]]["data"].setdefault(kind, []).append({"key": sent["key"], "value": sent["value"]})
        return 200, {}

    return log


def _update_run(fake: FakeRegistry, sent: Json) -> Answer:
    info = fake.runs[sent["run_id"]]["info"]
    info["status"] = sent["status"]
    return 200, {"run_info": info}


_ROUTES: dict[str, Callable[[FakeRegistry, Json], Answer]] = {
    "registered-models/create": _create_model,
    "model-versions/search": _search_versions,
    "model-versions/create": _create_version,
    "experiments/get-by-name": _get_experiment,
    "experiments/create": _create_experiment,
    "runs/create": _create_run,
    "runs/get": _get_run,
    "runs/log-metric": _log("metrics"),
    "runs/log-parameter": _log("params"),
    "runs/update": _update_run,
}


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """Serve one on a free port of loopback."""
    fake = FakeRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            self._reply(*fake.answer(self._route(), {name: values[0] for name, values in query.items()}))

        def do_POST(self) -> None:
            self._reply(*fake.answer(self._route(), json.loads(self._body())))

        def do_PUT(self) -> None:
            fake.artifacts[self.path.removeprefix(_ARTIFACTS)] = self._body()
            self._reply(200, {})

        def _route(self) -> str:
            return urlsplit(self.path).path.removeprefix(_API)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def _reply(self, status: int, body: Json) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
