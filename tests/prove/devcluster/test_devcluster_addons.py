"""The sizes and add-ons that neither the demo nor the other levels bring up: kwok, the GPU node, KubeRay, MLflow."""

import ipaddress
import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from pawl_devcluster import cluster, own_images, waiting
from pawl_devcluster.addresses import AddressPlan
from pawl_devcluster.cluster import Cluster
from pawl_devcluster.kubectl import Kubectl
from pawl_devcluster.settings import Settings, Size, from_environment, name_here
from pawl_devcluster.state import StateStore

Json = dict[str, Any]
GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}


@pytest.fixture
def bring_up() -> Iterator[Callable[[str, Size, list[str]], Cluster]]:
    """Brings a cluster of a name of its own up; it is taken down at the end."""
    used: list[Settings] = []

    def run(prefix: str, size: Size, addons: list[str]) -> Cluster:
        used.append(from_environment({**os.environ, "PAWL_KUBECONFIG": "", "PAWL_DEVCLUSTER_NAME": name_here(prefix)}))
        return cluster.up(size, addons, used[-1], print)

    yield run
    for settings in used:
        cluster.down(settings, print)
        assert not settings.state.exists()


def pod(name: str, spec: Json) -> Json:
    container = {"name": "main", "image": own_images.PAUSE, "imagePullPolicy": "Never", **spec.pop("container", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1, **spec},
    }


def default_account_is_there(kubectl: Kubectl) -> None:
    """Wait for what every pod needs; the controller manager makes it some time after the API server answers."""
    waiting.until("the default service account", lambda: kubectl.succeeds("get", "serviceaccount", "default"))


def test_kwok_makes_a_deployment_look_ready_on_a_control_plane_without_nodes(
    bring_up: Callable[[str, Size, list[str]], Cluster],
) -> None:
    found = bring_up("kwok", Size.API, ["kwok"])
    kubectl = found.kubectl
    default_account_is_there(kubectl)
    kubectl("create", "deployment", "seeming", "--image=none.invalid/none", "--replicas=5")
    kubectl.rolled_out("default", "deployment/seeming")
    pods = kubectl.get("pods", "--namespace=default", "--selector=app=seeming")["items"]
    assert len(pods) == 5
    assert {one["spec"]["nodeName"] for one in pods} <= {"kwok-0", "kwok-1"}
    state = StateStore(found.tools.settings).load()
    assert state is not None
    own = ipaddress.ip_network(AddressPlan(state.index).fake_pods)
    assert all(ipaddress.ip_address(one["status"]["podIP"]) in own for one in pods)
    kubectl("delete", "deployment", "seeming", "--wait=true")


def test_the_gpu_size_with_kuberay_and_mlflow(bring_up: Callable[[str, Size, list[str]], Cluster]) -> None:
    found = bring_up("gpu", Size.GPU, ["kuberay", "mlflow", "monitoring"])
    default_account_is_there(found.kubectl)
    node = the_gpu_node_is_labelled_tainted_and_has_one_gpu(found.kubectl)
    only_a_pod_that_tolerates_the_taint_gets_the_gpu(found, node)
    kuberay_makes_the_head_of_a_cluster(found.kubectl)
    mlflow_registers_a_model(found.environment()["MLFLOW_TRACKING_URI"])
    for kind in ("servicemonitors", "podmonitors", "prometheusrules"):
        assert found.kubectl.get(f"{kind}.monitoring.coreos.com", "--all-namespaces")["items"] == []


def the_gpu_node_is_labelled_tainted_and_has_one_gpu(kubectl: Kubectl) -> str:
    assert len(kubectl.get("nodes")["items"]) == 2
    (node,) = kubectl.get("nodes", f"--selector={GPU}.present=true")["items"]
    assert TAINT in node["spec"]["taints"]
    assert node["metadata"]["labels"]["pawl.dev/pool"] == "gpu"
    assert (node["status"]["capacity"][GPU], node["status"]["allocatable"][GPU]) == ("1", "1")
    return str(node["metadata"]["name"])


def only_a_pod_that_tolerates_the_taint_gets_the_gpu(found: Cluster, node: str) -> None:
    found.source.load_archive(found.tools.images.archive(own_images.PAUSE), [])
    wish = {"container": {"resources": {"limits": {GPU: "1"}}}}
    found.kubectl.apply_data(pod("refused", {**wish}), pod("let-in", {**wish, "tolerations": [TAINT]}))
    found.kubectl("wait", "--for=condition=Ready", "pod/let-in", "--timeout=60s")
    assert found.kubectl.get("pod", "let-in")["spec"]["nodeName"] == node
    found.kubectl("wait", "--for=condition=PodScheduled=False", "pod/refused", "--timeout=60s")
    found.kubectl("delete", "pod", "refused", "let-in", "--wait=true")


def kuberay_makes_the_head_of_a_cluster(kubectl: Kubectl) -> None:
    # No image of Ray is at hand here: that the operator makes the pod of the head and its Service is what is asked.
    head = {"containers": [{"name": "ray-head", "image": "none.invalid/ray", "imagePullPolicy": "Never"}]}
    labels = {"labels": {"pawl.dev/asked": "yes"}}
    kubectl.apply_data(
        {
            "apiVersion": "ray.io/v1",
            "kind": "RayCluster",
            "metadata": {"name": "asked", "namespace": "default"},
            "spec": {"headGroupSpec": {"rayStartParams": {}, "template": {"metadata": labels, "spec": head}}},
        }
    )
    selector = "--selector=ray.io/cluster=asked,ray.io/node-type=head,pawl.dev/asked=yes"
    waiting.until("the head's pod", lambda: len(kubectl.get("pods", selector)["items"]) == 1, limit=60)
    waiting.until("the head's Service", lambda: kubectl.succeeds("get", "service", "asked-head-svc"), limit=60)
    kubectl("delete", "raycluster.ray.io", "asked", "--wait=true")


def mlflow_registers_a_model(uri: str) -> None:
    api = f"{uri}/api/2.0/mlflow/registered-models"
    with httpx.Client(timeout=30) as client:
        assert client.get(f"{uri}/health").text == "OK"
        client.post(f"{api}/create", json={"name": "extractor"}).raise_for_status()
        kept = client.get(f"{api}/get", params={"name": "extractor"}).raise_for_status().json()
    assert kept["registered_model"]["name"] == "extractor"
