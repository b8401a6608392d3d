"""`kubectl pawl adopt` against a real API server: what runs is taken over, and its share stays whole all the time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from polling import wait_until
from rollout_objects import component, route
from stage import GATEWAY, Stage

from pawl_devcluster.settings import from_environment
from pawl_devcluster.tools import make_tools

Object = dict[str, Any]
LABELS = {"app": "model"}


def running_model(stage: Stage) -> None:
    """A person's Deployment and Service, ready, with all traffic of the route."""
    meta = {"name": "model", "namespace": stage.namespace, "labels": LABELS}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "model", "image": "x"}]}}
    spec: Object = {"selector": {"matchLabels": LABELS}, "template": template}
    stage.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    spec = {"selector": LABELS, "ports": [{"port": 8080}]}
    stage.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    slice_meta = meta | {"name": "model-1", "labels": {"kubernetes.io/service-name": "model"}}
    body: Object = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": slice_meta}
    endpoint = {"addresses": ["10.244.0.9"], "conditions": {"ready": True}}
    stage.create(body | {"addressType": "IPv4", "ports": [{"port": 8080}], "endpoints": [endpoint]})
    stage.create(route(stage.namespace, [{"name": "model", "port": 8080}]))
    stage.create(component(stage.namespace))


def programs(stage: Stage) -> Path:
    """A folder with the cluster's kubectl under that name, for Pawl's plugin too: a bare machine has none on PATH."""
    folder = stage.directory / "bin"
    if not folder.exists():
        folder.mkdir()
        (folder / "kubectl").symlink_to(make_tools(from_environment(), print).program("kubectl"))
    return folder


def kubectl(stage: Stage, *arguments: str, text: str = "") -> str:
    """Run kubectl with Pawl's plugin on PATH; return what it printed."""
    folders = [str(programs(stage)), str(Path(sys.executable).parent), os.environ["PATH"]]
    env = {"PATH": os.pathsep.join(folders), "KUBECONFIG": str(stage.server.kubeconfig), "HOME": str(stage.directory)}
    command = [programs(stage) / "kubectl", *arguments]
    done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def versions_of_route(stage: Stage, since: str) -> list[list[Object]]:
    """The backends in every version of the route that the API server has had since then, up to the present one."""
    now = stage.server.get(GATEWAY, "HTTPRoute", "chat", stage.namespace)["metadata"]["resourceVersion"]
    path = stage.server.path(GATEWAY, "HTTPRoute", namespace=stage.namespace)
    query = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "30"}
    headers = {"Authorization": f"Bearer {stage.server.token}"}
    seen = []
    with stage.server.http.stream("GET", path, params=query, headers=headers) as answer:
        for line in answer.iter_lines():
            found = json.loads(line)["object"]
            seen.append(found["spec"]["rules"][0]["backendRefs"])
            if found["metadata"]["resourceVersion"] == now:
                return seen
    raise AssertionError(f"the watch ended before version {now} of the route: {seen}")


def test_an_adopted_service_keeps_all_traffic_at_every_moment(stage: Stage) -> None:
    running_model(stage)
    before = stage.server.get(GATEWAY, "HTTPRoute", "chat", stage.namespace)["metadata"]["resourceVersion"]
    arguments = ("adopt", "httproute/chat", "-n", stage.namespace, "--component", "facts")
    manifest = kubectl(stage, "pawl", *arguments)
    assert "Service model (Deployment model)" in manifest
    kubectl(stage, "apply", "-f", "-", text=manifest)
    status = stage.wait_phase("Healthy", name="facts")
    assert status["stable"]["service"] == "model"
    wait_until(lambda: stage.condition("TrafficVerified", "facts").get("status") == "True", 30, stage.explain_log)
    seen = versions_of_route(stage, before)
    assert len(seen) > 1
    assert all({entry["name"] for entry in backends if entry.get("weight", 1)} == {"model"} for backends in seen)
    assert all(entry["port"] == 8080 for backends in seen for entry in backends)
    deployments = stage.server.list("apps/v1", "Deployment", stage.namespace)
    assert [(d["metadata"]["name"], d["metadata"]["labels"]) for d in deployments] == [("model", LABELS)]
