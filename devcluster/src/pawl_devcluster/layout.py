"""Where one cluster built here keeps its files; shared by everything that writes or reads them."""

from dataclasses import dataclass
from pathlib import Path

from pawl_devcluster.addresses import AddressPlan, NodeAddress


@dataclass(frozen=True)
class Layout:
    """Paths of the cluster under its state folder."""

    name: str
    state: Path
    plan: AddressPlan

    @property
    def pki(self) -> Path:
        """Folder of keys and certificates."""
        return self.state / "pki"

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{self.plan.node(0).ip}:6443"

    @property
    def admin(self) -> Path:
        """The kubeconfig for people and tests."""
        return self.kubeconfig("admin")

    @property
    def volumes(self) -> Path:
        """Folder of the persistent volumes, the same on every node."""
        return self.state / "volumes"

    def kubeconfig(self, user: str) -> Path:
        """Return the kubeconfig of a component."""
        return self.state / f"{user}.kubeconfig"

    def node(self, node: NodeAddress) -> Path:
        """Return a node's folder."""
        return self.state / node.name

    def log(self, node: NodeAddress, service: str) -> Path:
        """Return the log of a node's service."""
        return self.node(node) / "log" / f"{service}.log"
