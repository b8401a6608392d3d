"""The cluster's own network: a bridge in a namespace of its own, one cable to each node and one to the machine."""

import json
import os

from pawl_devcluster import shell
from pawl_devcluster.addresses import AddressPlan, NodeAddress

_BARRIER = "4000"  # metric of the routes that stop what has no better route


class Network:
    """Makes and removes namespaces, interfaces and routes of one cluster; their names carry its name or index."""

    def __init__(self, cluster: str, plan: AddressPlan) -> None:
        self._plan = plan
        self._lan = f"pawl-{cluster}-lan"
        self._prefix = f"pawl-{cluster}-"
        self._host = f"pawl{plan.index}"

    def namespace(self, node: NodeAddress) -> str:
        """Return the name of a node's network namespace."""
        return f"{self._prefix}{node.name}"

    def make(self) -> None:
        """Make the bridge and the machine's end, or complete what an interruption left."""
        # What is not routed to the cluster must not leave by the machine's own default route.
        for cidr in self._ranges():
            _ip("route", "replace", "unreachable", cidr, "metric", _BARRIER)
        if self._lan not in namespaces() or not _link_exists(self._host):
            self._drop_lan()
            _ip("netns", "add", self._lan)
            _ip("-n", self._lan, "link", "add", "lan", "type", "bridge")
            here = str(os.getpid())
            _ip("-n", self._lan, "link", "add", "host", "type", "veth", "peer", "name", self._host, "netns", here)
        for link in ("lo", "lan"):
            _ip("-n", self._lan, "link", "set", link, "up")
        _ip("-n", self._lan, "link", "set", "host", "master", "lan", "up")
        _ip("addr", "replace", f"{self._plan.host_ip}/24", "dev", self._host)
        _ip("link", "set", self._host, "up")
        for cidr in (self._plan.pods, self._plan.services):
            _ip("route", "replace", cidr, "via", self._plan.node(0).ip, "dev", self._host)

    def attach(self, node: NodeAddress) -> None:
        """Make a node's namespace anew, joined to the bridge."""
        name = self.namespace(node)
        if name in namespaces():
            _ip("netns", "del", name)
        shell.attempt(["ip", "-n", self._lan, "link", "del", node.name])
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self._lan, "link", "add", node.name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", self._lan, "link", "set", node.name, "master", "lan", "up")
        _ip("-n", name, "addr", "add", f"{node.ip}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "route", "add", "unreachable", "default", "metric", _BARRIER)
        # kube-proxy needs a route for service addresses before its rules send them elsewhere
        _ip("-n", name, "route", "add", self._plan.services, "dev", "eth0")

    def introduce(self, node: NodeAddress, other: NodeAddress) -> None:
        """Tell a node where the pods of another one are."""
        _ip("-n", self.namespace(node), "route", "replace", other.pods, "via", other.ip)

    def owned(self) -> list[str]:
        """Return this cluster's namespaces that exist."""
        return [name for name in namespaces() if name.startswith(self._prefix)]

    def drop(self) -> None:
        """Remove all namespaces, and with them all interfaces; call `drop_barrier` when every process is gone."""
        self._drop_lan()
        for name in self.owned():
            _ip("netns", "del", name)

    def drop_barrier(self) -> None:
        """Remove the routes that kept late traffic on this machine."""
        for cidr in self._ranges():
            shell.attempt(["ip", "route", "del", "unreachable", cidr, "metric", _BARRIER])

    def _drop_lan(self) -> None:
        if _link_exists(self._host):  # a namespace ends some time after its name, so the cable is cut first
            _ip("link", "del", self._host)
        if self._lan in namespaces():
            _ip("netns", "del", self._lan)

    def _ranges(self) -> tuple[str, str, str]:
        return self._plan.lan, self._plan.pods, self._plan.services


def namespaces() -> list[str]:
    """Return the names of all network namespaces of the machine."""
    return [entry["name"] for entry in json.loads(shell.run(["ip", "-json", "netns", "list"]) or "[]")]


def clusters_run() -> bool:
    """Say whether the machine has a namespace of any cluster, whoever's it is."""
    return any(name.startswith("pawl-") for name in namespaces())


def processes(namespace: str) -> list[int]:
    """Return the ids of all processes in a network namespace."""
    if namespace not in namespaces():
        return []
    return [int(word) for word in shell.run(["ip", "netns", "pids", namespace]).split()]


def _ip(*args: str) -> None:
    shell.run(["ip", *args])


def _link_exists(name: str) -> bool:
    return shell.attempt(["ip", "link", "show", "dev", name]).returncode == 0
