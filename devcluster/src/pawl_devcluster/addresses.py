"""The address plan: each cluster on a machine gets blocks of its own, and nothing outside three ranges is used."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from pawl_devcluster.errors import DevclusterError

CLUSTERS = 32  # 10.250.<index>.0/24 and /21 blocks of the two /16 ranges
_POD_RANGE = "10.244.0.0/16"
_SERVICE_RANGE = "10.96.0.0/16"
_NODES = 7  # the eighth /24 of a cluster's pod block is for pods that only seem to run


@dataclass(frozen=True)
class NodeAddress:
    """A node's name, its address on the local network, the range of its pods, and whether it plays the GPU node."""

    name: str
    ip: str
    pods: str
    gpu: bool


@dataclass(frozen=True)
class AddressPlan:
    """All addresses of the cluster with that index (0 to 31)."""

    index: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < CLUSTERS:
            raise DevclusterError(
                f"No address block is left: {CLUSTERS} clusters exist on this machine; take one down first."
            )

    @property
    def lan(self) -> str:
        """Range of the network that joins the nodes and the machine."""
        return f"10.250.{self.index}.0/24"

    @property
    def host_ip(self) -> str:
        """The machine's own address on it."""
        return f"10.250.{self.index}.1"

    @property
    def pods(self) -> str:
        """Range of all pods."""
        return str(self._block(_POD_RANGE))

    @property
    def fake_pods(self) -> str:
        """Range for pods that no kubelet runs."""
        return str(list(self._block(_POD_RANGE).subnets(new_prefix=24))[_NODES])

    @property
    def services(self) -> str:
        """Range of Services."""
        return str(self._block(_SERVICE_RANGE))

    @property
    def api_service_ip(self) -> str:
        """Address of the Service `kubernetes`."""
        return str(self._block(_SERVICE_RANGE)[1])

    @property
    def dns_ip(self) -> str:
        """Address of the cluster's DNS Service."""
        return str(self._block(_SERVICE_RANGE)[10])

    def node(self, position: int) -> NodeAddress:
        """Return the node at that position: 0 is n1, the control plane; the others are GPU nodes g1, g2 and so on."""
        pods = list(self._block(_POD_RANGE).subnets(new_prefix=24))
        if not 0 <= position < _NODES:
            raise DevclusterError(f"Node {position} is asked for; a cluster has at most {_NODES} nodes.")
        name = "n1" if position == 0 else f"g{position}"
        return NodeAddress(name, f"10.250.{self.index}.{position + 2}", str(pods[position]), gpu=position > 0)

    def _block(self, range_: str) -> ipaddress.IPv4Network:
        return list(ipaddress.IPv4Network(range_).subnets(new_prefix=21))[self.index]


def first_free(used: Iterable[int]) -> AddressPlan:
    """Return the plan with the lowest index that nobody uses; raises DevclusterError when all are taken."""
    taken = set(used)
    return AddressPlan(next((i for i in range(CLUSTERS) if i not in taken), CLUSTERS))
