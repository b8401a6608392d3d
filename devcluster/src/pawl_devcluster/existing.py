"""Provider of a cluster that is already there: used, never made or removed."""

from collections.abc import Sequence
from pathlib import Path

from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.kubectl import Kubectl
from pawl_devcluster.provider import EXISTING
from pawl_devcluster.settings import Size
from pawl_devcluster.tools import Tools


class ExistingProvider:
    """The cluster of PAWL_KUBECONFIG."""

    name = EXISTING

    def __init__(self, tools: Tools) -> None:
        if tools.settings.kubeconfig is None or not tools.settings.kubeconfig.exists():
            raise DevclusterError(
                f"PAWL_KUBECONFIG is {tools.settings.kubeconfig}, which is no file: name an existing kubeconfig."
            )
        self.kubeconfig: Path = tools.settings.kubeconfig
        self._tools = tools

    def check(self, size: Size) -> None:
        """Nothing to see before there is a kubectl to ask with: `up` does."""

    def up(self, size: Size) -> None:
        """Check that it answers and has what the size asks for."""
        kubectl = self._kubectl()
        if not kubectl.succeeds("get", "--raw", "/readyz"):
            raise DevclusterError(
                f"The cluster of {self.kubeconfig} does not answer: check its address and your network."
            )
        gpu = kubectl.get("nodes", "--selector=nvidia.com/gpu.present=true")["items"] if size is Size.GPU else [None]
        if not gpu:
            raise DevclusterError(
                "No node of this cluster has the label nvidia.com/gpu.present=true, and size gpu needs one."
            )

    def down(self) -> None:
        """Leave it alone: it is not ours."""
        self._tools.report(f"the cluster of {self.kubeconfig} is yours: it stays as it is, add-ons included")

    def load_archive(self, archive: Path, nodes: Sequence[str]) -> None:
        """Refuse: only a registry can bring an image there."""
        raise DevclusterError(
            f"{archive.name} can't be put on the nodes of an existing cluster: push it to a registry that they reach."
        )

    def cpu_nodes(self) -> list[str]:
        """Return the names of the nodes that add-ons run on."""
        return []

    def gpu_nodes(self) -> list[str]:
        """Return the names of the nodes that images may be put on: none."""
        return []

    def node_address(self) -> str:
        """Return the first node's external address, else its internal one."""
        addresses = {a["type"]: a["address"] for a in self._kubectl().get("nodes")["items"][0]["status"]["addresses"]}
        return str(addresses.get("ExternalIP") or addresses["InternalIP"])

    def status(self) -> str:
        """Say which cluster it is."""
        return f"existing cluster of {self.kubeconfig}"

    def add_process(self, name: str, command: Sequence[str]) -> None:
        """Refuse: there is no place for it."""
        raise DevclusterError(
            f"{name} runs beside a control plane of our own; an existing cluster has no place for it."
        )

    def _kubectl(self) -> Kubectl:
        return Kubectl(self._tools.program("kubectl"), self.kubeconfig)
