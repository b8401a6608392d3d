"""Nodes and pods that only seem to run, for tests of many objects on a control plane without nodes."""

from pawl_devcluster.addons.base import Addon, AddonContext
from pawl_devcluster.native import NativeProvider
from pawl_devcluster.tools import Tools

_NODES = 2
_CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "2000", "nvidia.com/gpu": "8"}
_FAKE = "kwok.x-k8s.io/node"


def prepare(tools: Tools) -> None:
    """Build kwok."""
    tools.program("kwok")


def install(context: AddonContext) -> None:
    """Run kwok beside the control plane and make two nodes for it."""
    command = [str(context.tools.program("kwok")), f"--kubeconfig={context.provider.kubeconfig}"]
    command += [f"--manage-nodes-with-annotation-selector={_FAKE}=fake", "--node-lease-duration-seconds=40"]
    if isinstance(context.provider, NativeProvider):
        command.append(f"--cidr={context.provider.fake_pods()}")
    context.provider.add_process("kwok", command)
    context.kubectl.apply_data(*(fake_node(i) for i in range(_NODES)))
    context.kubectl("wait", "--for=condition=Ready", *(f"node/kwok-{i}" for i in range(_NODES)), "--timeout=60s")


def fake_node(number: int) -> dict[str, object]:
    """Return a Node that kwok keeps ready; like a real one it carries the label of the CPU pool."""
    name = f"kwok-{number}"
    labels = {"type": "kwok", "kubernetes.io/hostname": name, "pawl.dev/pool": "cpu"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {_FAKE: "fake"}, "labels": labels},
        "status": {"capacity": _CAPACITY, "allocatable": _CAPACITY},
    }


ADDON = Addon("kwok", prepare, install, needs_node=False)
