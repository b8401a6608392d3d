"""Argument lists and configuration files of a node, read as a person would."""

from pathlib import Path

from pawl_devcluster import nodeconfig
from pawl_devcluster.addresses import AddressPlan
from pawl_devcluster.layout import Layout
from pawl_devcluster.node_init import private_mounts
from pawl_devcluster.services import ServicePlan

LAYOUT = Layout("t", Path("/state/t"), AddressPlan(3))
SERVICES = ServicePlan(LAYOUT, lambda name: Path("/bin") / name)


def test_control_plane_has_the_four_parts_at_the_addresses_of_its_block() -> None:
    plane = SERVICES.control_plane()
    assert list(plane) == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    api = plane["kube-apiserver"]
    assert api[0] == "/bin/kube-apiserver"
    assert "--advertise-address=10.250.3.2" in api
    assert "--service-cluster-ip-range=10.96.24.0/21" in api
    assert "--authorization-mode=Node,RBAC" in api


def test_controllers_may_ask_the_api_server_often() -> None:
    for name in ("kube-controller-manager", "kube-scheduler"):
        assert "--kube-api-qps=300" in SERVICES.control_plane()[name]


def test_a_worker_runs_in_its_own_group_and_pool() -> None:
    cpu, gpu = LAYOUT.plan.node(0), LAYOUT.plan.node(1)
    assert "--cgroup-root=/pawl/t/n1" in SERVICES.worker(cpu, "/pawl/t/n1")["kubelet"]
    assert "--node-labels=pawl.dev/pool=cpu" in SERVICES.worker(cpu, "x")["kubelet"]
    assert any("nvidia.com/gpu.present=true" in word for word in SERVICES.worker(gpu, "x")["kubelet"])


def test_only_the_gpu_node_is_tainted() -> None:
    assert "registerWithTaints" not in nodeconfig.kubelet(LAYOUT, LAYOUT.plan.node(0))
    taints = nodeconfig.kubelet(LAYOUT, LAYOUT.plan.node(1))["registerWithTaints"]
    assert taints == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]


def test_containerd_keeps_everything_in_the_node_folder() -> None:
    text = nodeconfig.containerd(LAYOUT, LAYOUT.plan.node(0), "overlayfs")
    assert 'root = "/state/t/n1/containerd"' in text
    assert 'conf_dir = "/state/t/n1/net.d"' in text
    assert "restrict_oom_score_adj = true" in text


def test_pods_get_addresses_of_their_node_and_nothing_is_masqueraded() -> None:
    bridge = nodeconfig.cni(LAYOUT, LAYOUT.plan.node(1))["plugins"][0]
    assert bridge["ipMasq"] is False
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.25.0/24"}]]


def test_connection_tracking_is_left_alone() -> None:
    assert set(nodeconfig.kube_proxy(LAYOUT, LAYOUT.plan.node(0))["conntrack"].values()) == {0, "0s"}


def test_a_node_sees_its_own_folders_only() -> None:
    mounts = private_mounts(Path("/state/t/n1"))
    assert mounts[0] == ["mount", "--make-rshared", "/"]
    assert ["mount", "--bind", "/state/t/n1/kubelet", "/var/lib/kubelet"] in mounts
