"""Provider of a kind cluster, where a docker engine answers."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pawl_devcluster import host, shell
from pawl_devcluster.cache import GIB
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.images_transfer import NOTES
from pawl_devcluster.kubectl import Kubectl
from pawl_devcluster.provider import KIND
from pawl_devcluster.settings import Size
from pawl_devcluster.state import StateStore
from pawl_devcluster.tools import Tools


class KindProvider:
    """A cluster in containers of the docker engine; its API-only size is a whole node, for kind knows no smaller."""

    name = KIND

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._state = StateStore(tools.settings)
        self._cluster = f"pawl-{tools.settings.name}"
        self.kubeconfig: Path = tools.settings.state / "admin.kubeconfig"

    def check(self, size: Size) -> None:
        """Look for space; the engine has answered, or this provider would not have been chosen."""
        self._tools.cache.check_space(3 * GIB, f"A kind cluster of size {size} with its images")

    def up(self, size: Size) -> None:
        """Create the cluster unless it is there with enough nodes; one whose creation was cut off is made anew."""
        known = self._state.load() or self._state.create(self.name, size)
        if self._exists() and not self.kubeconfig.exists():  # which kind writes last
            self._tools.report(f"kind: cluster {self._cluster} was not finished and is made anew")
            self._delete()
        if not self._exists():
            self._create(size)
        elif known.size.covers(size):
            self._find_again()
        else:
            raise DevclusterError(
                f"The kind cluster has size {known.size} and can't grow to {size}: take it down first."
            )
        if size is Size.GPU:
            self._kubectl()("patch", "node", f"{self._cluster}-worker", *gpu_patch())

    def down(self) -> None:
        """Delete the cluster."""
        self._delete()
        host.remove_tree(self._tools.settings.state)

    def load_archive(self, archive: Path, nodes: Sequence[str]) -> None:
        """Let kind copy the archive into its nodes."""
        chosen = ["--nodes", ",".join(nodes)] if nodes else []
        shell.run([self._kind(), "load", "image-archive", archive, "--name", self._cluster, *chosen], timeout=1800)

    def cpu_nodes(self) -> list[str]:
        """Return the names of the nodes that add-ons run on."""
        return [f"{self._cluster}-control-plane"]

    def gpu_nodes(self) -> list[str]:
        """Return the names of the nodes that play GPU nodes."""
        known = self._state.load()
        return [f"{self._cluster}-worker"] if known is not None and known.size is Size.GPU else []

    def node_address(self) -> str:
        """Return the control plane's address on the engine's network."""
        addresses = self._kubectl().get("node", f"{self._cluster}-control-plane")["status"]["addresses"]
        return str(next(a["address"] for a in addresses if a["type"] == "InternalIP"))

    def status(self) -> str:
        """Say which cluster it is."""
        return f"kind cluster {self._cluster}"

    def add_process(self, name: str, command: Sequence[str]) -> None:
        """Refuse: kind's nodes run pods for real."""
        raise DevclusterError(
            f"{name} makes sense beside a control plane without nodes; a kind cluster runs its pods for real."
        )

    def _exists(self) -> bool:
        return self._cluster in shell.run([self._kind(), "get", "clusters"]).split()

    def _create(self, size: Size) -> None:
        self._tools.report(f"kind: creating cluster {self._cluster}")
        self._state.update(size=size)
        # Those of an earlier cluster would say that this one was finished, and has images.
        for told in (self.kubeconfig, self._tools.settings.state / NOTES):
            told.unlink(missing_ok=True)
        place: list[shell.Argument] = ["--name", self._cluster, "--kubeconfig", self.kubeconfig]
        command = [self._kind(), "create", "cluster", *place, "--wait=180s", "--config=-"]
        shell.run(command, text=json.dumps(kind_config(size)), timeout=900)

    def _find_again(self) -> None:
        """Write the kubeconfig anew and wait: after a restart of the engine the nodes need a while."""
        shell.run([self._kind(), "export", "kubeconfig", "--name", self._cluster, "--kubeconfig", self.kubeconfig])
        self._kubectl().wait_for_api()
        self._kubectl()("wait", "--for=condition=Ready", "node", "--all", "--timeout=180s", timeout=190)

    def _delete(self) -> None:
        shell.run([self._kind(), "delete", "cluster", "--name", self._cluster])

    def _kind(self) -> Path:
        found = shutil.which("kind")
        return Path(found) if found else self._tools.program("kind")

    def _kubectl(self) -> Kubectl:
        return Kubectl(self._tools.program("kubectl"), self.kubeconfig)


def kind_config(size: Size) -> dict[str, Any]:
    """Return kind's configuration for a size."""
    nodes: list[dict[str, Any]] = [{"role": "control-plane", "labels": {"pawl.dev/pool": "cpu"}}]
    if size is Size.GPU:
        taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
        join = {"kind": "JoinConfiguration", "nodeRegistration": {"taints": [taint]}}
        labels = {"pawl.dev/pool": "gpu", "nvidia.com/gpu.present": "true"}
        nodes.append({"role": "worker", "labels": labels, "kubeadmConfigPatches": [json.dumps(join)]})
    return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}


def gpu_patch() -> list[str]:
    """Return the arguments of `kubectl patch node` that make a node report one GPU; it is pretended."""
    path = "nvidia.com~1gpu"
    operations = [{"op": "add", "path": f"/status/{kind}/{path}", "value": "1"} for kind in ("capacity", "allocatable")]
    return ["--subresource=status", "--type=json", f"--patch={json.dumps(operations)}"]
