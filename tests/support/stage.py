"""What an operator test needs around one namespace: API server, played cluster, fake Prometheus, operator."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster_player import ClusterPlayer, playing
from fake_prometheus import FakePrometheus, running_prometheus
from kube_client import KubeClient
from operator_process import MODULE, OperatorProcess, launch_operator
from polling import wait_until
from rollout_objects import component, route
from route_shares import as_meant

from apiserver import ApiServer

Object = dict[str, Any]
PAWL = "pawl.dev/v1alpha1"
GATEWAY = "gateway.networking.k8s.io/v1"


@dataclass
class Stage:
    """Handles for a test; `operator` may be replaced by a restart."""

    server: ApiServer
    namespace: str
    directory: Path
    player: ClusterPlayer
    prometheus: FakePrometheus
    operator: OperatorProcess | None = None
    env: dict[str, str] | None = None

    def start(self, command: tuple[str, ...] = MODULE, wait: bool = True, **env: str) -> OperatorProcess:
        """Start an operator."""
        settings = {"PAWL_PROMETHEUS_URL": self.prometheus.url} | (self.env or {}) | env
        self.operator = launch_operator(self.directory, self.server.kubeconfig, self.namespace, settings, command)
        if wait:
            wait_until(self.operator.leading, 40, self.operator.tail)
        return self.operator

    def create(self, body: Object) -> Object:
        """Create an object."""
        return self.server.create(body)

    def rollout(self, name: str = "chat") -> Object:
        """Read a Rollout."""
        return self.server.get(PAWL, "Rollout", name, self.namespace)

    def status(self, name: str = "chat") -> Object:
        """Read a Rollout's status."""
        return self.rollout(name).get("status") or {}

    def condition(self, kind: str, name: str = "chat", api_kind: str = "Rollout") -> Object:
        """Read one condition; empty when it is not there."""
        body = self.server.get(PAWL, api_kind, name, self.namespace)
        found = (body.get("status") or {}).get("conditions") or []
        return next((item for item in found if item["type"] == kind), {})

    def release_candidate(self, version: Object, name: str = "chat") -> None:
        """Set spec.candidate."""
        self.server.patch(PAWL, "Rollout", name, {"spec": {"candidate": version}}, self.namespace)

    def backends(self) -> list[tuple[str, int]]:
        """Read the backends of the route's first rule, as they are meant."""
        found = self.server.get(GATEWAY, "HTTPRoute", "chat", self.namespace)
        return as_meant((b["name"], b.get("weight", 1)) for b in found["spec"]["rules"][0].get("backendRefs") or [])

    def reasons(self) -> list[str]:
        """Return the reasons of the events so far, oldest first."""
        events = self.server.list("v1", "Event", self.namespace)
        return [e["reason"] for e in sorted(events, key=lambda e: int(e["metadata"]["resourceVersion"]))]

    def wait_phase(self, phase: str, seconds: float = 30, name: str = "chat") -> Object:
        """Wait until a Rollout has a phase and return its status."""
        wait_until(lambda: self.status(name).get("phase") == phase, seconds, lambda: self.explain(name))
        return self.status(name)

    def settle(self, body: Object) -> Object:
        """Create route, Component and Rollout and wait until the initial stable serves; return the status."""
        if not self.server.exists(GATEWAY, "HTTPRoute", "chat", self.namespace):
            self.create(route(self.namespace))
        self.create(component(self.namespace))
        self.create(body)
        return self.wait_phase("Healthy", name=body["metadata"]["name"])

    def explain_log(self) -> str:
        """The operator's log."""
        return self.operator.tail() if self.operator is not None else ""

    def explain(self, name: str = "chat") -> str:
        """What to print when something did not come."""
        return f"\nstatus: {self.status(name)}\nroute: {self.backends()}\nlog: {self.explain_log()}"


@contextmanager
def set_stage(server: ApiServer, namespace: str, directory: Path, **env: str) -> Iterator[Stage]:
    """Build a stage without an operator; ends whatever was started on it."""
    own = KubeClient(url=server.url, ca=server.ca, token=server.token)
    with own.http, playing(own, namespace) as player, running_prometheus() as prometheus:
        stage = Stage(server, namespace, directory, player, prometheus, env=env)
        try:
            yield stage
        finally:
            if stage.operator is not None:
                stage.operator.process.kill()
                stage.operator.process.wait(10)
