"""Plays what runs a training where there is only an API server: Job controller, KubeRay, kubelet, a Ray cluster.

The kubelet is a real HTTPS server that the API server fetches logs from; the Ray cluster is a real Jobs API.
"""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import crds
from kube_client import KubeClient

Object = dict[str, Any]
RAY = "ray.io/v1"
BATCH = "batch/v1"
_FREE: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_RAY_JOB_SPEC: Object = {
    "type": "object",
    "properties": {
        "entrypoint": {"type": "string"},
        "submissionMode": {"type": "string"},
        "backoffLimit": {"type": "integer", "format": "int32"},
        "activeDeadlineSeconds": {"type": "integer", "format": "int32"},
        "shutdownAfterJobFinishes": {"type": "boolean"},
        "ttlSecondsAfterFinished": {"type": "integer", "format": "int32", "default": 0},
        "rayClusterSpec": _FREE,
    },
}


def install_ray_jobs(server: KubeClient) -> None:
    """Install a RayJob definition with what Pawl uses of KubeRay's; the real one takes minutes to generate."""
    schema = {"type": "object", "properties": {"spec": _RAY_JOB_SPEC, "status": _FREE}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
    names = {"kind": "RayJob", "listKind": "RayJobList", "plural": "rayjobs", "singular": "rayjob"}
    spec = {"group": "ray.io", "scope": "Namespaced", "names": names}
    spec["versions"] = [version | {"schema": {"openAPIV3Schema": schema}}]
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    crds.install(server, [body | {"metadata": {"name": "rayjobs.ray.io"}}])


@dataclass
class RayJobsServer:
    """A Ray cluster's Jobs API: jobs by identifier, as they were submitted and as the test says that they stand."""

    url: str = ""
    jobs: dict[str, Object] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Object) -> tuple[int, Object]:
        """One call."""
        parts = [unquote(part) for part in path.strip("/").split("/")][2:]
        if method == "POST" and not parts:
            name = body["submission_id"]
            if name in self.jobs:
                return 500, {"message": f"Job {name} already exists. Please use a different submission_id."}
            self.jobs[name] = {"status": "PENDING", "metadata": body["metadata"], "submitted": body}
            return 200, {"submission_id": name}
        if parts[0] not in self.jobs:
            return 404, {"message": "no such job"}
        if parts[1:] == ["logs"]:
            return 200, {"logs": self.logs.get(parts[0], "")}
        if parts[1:] == ["stop"]:
            self.stopped.append(parts[0])
            self.jobs[parts[0]]["status"] = "STOPPED"
            return 200, {"stopped": True}
        return 200, self.jobs[parts[0]]


@dataclass
class TrainingPlayer:
    """Handles for one namespace."""

    server: KubeClient
    namespace: str
    node: str
    ray: RayJobsServer
    logs: dict[str, str]
    """What the kubelet has to tell, by pod."""

    def job(self, name: str) -> Object | None:
        """One Job, if it is there."""
        return self._find(BATCH, "Job", name)

    def ray_job(self, name: str) -> Object | None:
        """One RayJob, if it is there."""
        return self._find(RAY, "RayJob", name)

    def start_pod(self, name: str, *, role: str = "", **status: Any) -> None:
        """Run a pod of a Job or of a RayJob's head or worker."""
        body = self._find(BATCH, "Job", name) or self._find(RAY, "RayJob", name)
        assert body is not None
        labels = dict(body["metadata"]["labels"]) | ({"ray.io/node-type": role} if role else {})
        pod = f"{name}-{role or 'pod'}"
        spec = {"nodeName": self.node, "containers": [{"name": "trainer", "image": "x"}]}
        metadata = {"name": pod, "namespace": self.namespace, "labels": labels}
        self.server.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        self.pod_status(pod, **({"phase": "Running", "conditions": [_ready()]} | status))

    def pod_status(self, pod: str, **status: Any) -> None:
        """Say how a pod stands."""
        self.server.patch("v1", "Pod", pod, {"status": status}, self.namespace, subresource="status")

    def end_job(self, name: str, *, failed: bool = False) -> None:
        """Let a Job end, as its controller says it."""
        now = _now()
        kinds = ("FailureTarget", "Failed") if failed else ("SuccessCriteriaMet", "Complete")
        conditions = [
            {"type": kind, "status": "True", "reason": "Played", "message": "played", "lastTransitionTime": now}
            for kind in kinds
        ]
        status: Object = {"startTime": now, "conditions": conditions}
        status |= {"failed": 1} if failed else {"succeeded": 1, "completionTime": now}
        self.server.patch(BATCH, "Job", name, {"status": status}, self.namespace, subresource="status")

    def ray_job_status(self, name: str, deployment: str, job: str = "", job_id: str = "") -> None:
        """Say how a RayJob stands, as KubeRay says it."""
        address = urlsplit(self.ray.url).netloc
        status = {"jobDeploymentStatus": deployment, "jobStatus": job, "jobId": job_id, "dashboardURL": address}
        self.server.patch(RAY, "RayJob", name, {"status": status}, self.namespace, subresource="status")

    def _find(self, api: str, kind: str, name: str) -> Object | None:
        found = self.server.list(api, kind, self.namespace)
        return next((body for body in found if body["metadata"]["name"] == name), None)


@contextmanager
def playing_trainings(server: KubeClient, namespace: str, directory: Path) -> Iterator[TrainingPlayer]:
    """Serve a kubelet and a Ray cluster beside a test."""
    logs: dict[str, str] = {}
    ray = RayJobsServer()

    def kubelet(method: str, path: str, body: Object) -> tuple[int, str]:
        pod = path.split("/")[3]
        return (200, logs[pod]) if pod in logs else (404, "no such pod")

    def jobs_api(method: str, path: str, body: Object) -> tuple[int, str]:
        code, answer = ray.answer(method, path, body)
        return code, json.dumps(answer)

    with _served(kubelet, _certificate(directory)) as port, _served(jobs_api) as ray_port:
        ray.url = f"http://127.0.0.1:{ray_port}"
        node = f"node-{namespace}"
        server.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
        status = {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}
        status |= {"daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}
        server.patch("v1", "Node", node, {"status": status}, subresource="status")
        yield TrainingPlayer(server, namespace, node, ray, logs)


@contextmanager
def _served(answer: Any, certificate: Path | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            code, text = answer(self.command, urlsplit(self.path).path, json.loads(sent) if sent else {})
            data = text.encode()
            self.send_response(code)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _do  # noqa: N815  the base class looks for these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Stay quiet."""

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        found.socket = context.wrap_socket(found.socket, server_side=True)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found.server_address[1]
    finally:
        found.shutdown()
        found.server_close()
        thread.join(10)


def _certificate(directory: Path) -> Path:
    key, path = directory / "kubelet.key", directory / "kubelet.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=kubelet", "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


def _ready() -> Object:
    return {"type": "Ready", "status": "True", "lastTransitionTime": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
