"""Provider of a cluster built from Go modules and run as root in namespaces of its own."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from pawl_devcluster import debian, host, own_images, pki, waiting
from pawl_devcluster.addresses import AddressPlan, NodeAddress
from pawl_devcluster.cache import GIB, check_space
from pawl_devcluster.cgroups import Cgroups
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.gobuild import PROGRAMS
from pawl_devcluster.kind import gpu_patch
from pawl_devcluster.kubectl import Kubectl, packaged
from pawl_devcluster.layout import Layout
from pawl_devcluster.network import Network, clusters_run
from pawl_devcluster.node import HOST_FOLDERS, Node
from pawl_devcluster.provider import NATIVE
from pawl_devcluster.services import ServicePlan, Services
from pawl_devcluster.settings import Size
from pawl_devcluster.state import ClusterState, StateStore
from pawl_devcluster.tools import Tools

_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_WORKER = ("kubelet", "kube-proxy")
_VOLUMES = 8
_SYSCTLS = (
    "vm.overcommit_memory",
    "kernel.panic",
    "kernel.panic_on_oops",
)  # the kubelet sets them for the whole machine


class NativeProvider:
    """One process tree per node; see `node_init` for what runs inside."""

    name = NATIVE

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._report = tools.report
        self._state = StateStore(tools.settings)
        self._cgroups = Cgroups(tools.settings.name)
        self.kubeconfig: Path = tools.settings.state / "admin.kubeconfig"

    def check(self, size: Size) -> None:
        """Look for root, control groups and space."""
        self._require_root()
        self._cgroups.check()
        check_space(self._tools.settings.state_root, 3 * GIB, f"A cluster of size {size}")
        programs = [PROGRAMS[name].file for name in (*_CONTROL_PLANE, *(_WORKER if size is not Size.API else ()))]
        if any(not self._tools.cache.binary(file).exists() for file in programs):
            self._tools.cache.check_space(10 * GIB, "Building Kubernetes from source the first time")

    def up(self, size: Size) -> None:
        """Bring up, complete, repair or enlarge the cluster."""
        needed = {**debian.BASE_TOOLS, **(debian.NODE_TOOLS if size is not Size.API else {})}
        debian.install_tools(needed, self._tools.cache)
        self._prepare_programs(size)
        state = self._state.load() or self._state.create(self.name, size)
        size = state.size if state.size.covers(size) else size
        state = self._state.update(size=size, sysctls=state.sysctls or host.read_sysctls(_SYSCTLS))
        self._start(state)
        kubectl = self._kubectl()
        kubectl.wait_for_api()
        self._report("API server ready")
        if size is not Size.API:
            self._complete_nodes(state, kubectl)

    def down(self) -> None:
        """End every process, then remove namespaces, groups, files and, last of all, the routes."""
        state = self._state.load()
        if state is None:
            return
        self._require_root()
        network = self._network(state)
        for node in self._nodes(replace(state, size=Size.GPU)):
            node.stop()
        network.drop()
        self._cgroups.drop()
        host.write_sysctls(state.sysctls)
        network.drop_barrier()
        if not clusters_run():  # a folder that goes takes with it what the nodes of another cluster have mounted on it
            host.remove_empty(HOST_FOLDERS)
        # The state goes last, for an interrupted `down` needs it to go on.
        host.remove_tree(self._tools.settings.state)

    def load_archive(self, archive: Path, nodes: Sequence[str]) -> None:
        """Import the archive into containerd of each node, side by side; raises DevclusterError where one fails."""
        chosen = [n for n in self._nodes(self._required()) if not nodes or n.address.name in nodes]
        if not chosen:
            raise DevclusterError(f"None of the nodes {', '.join(nodes)} exists: the first is n1, the GPU node is g1.")
        with ThreadPoolExecutor(len(chosen), "import") as pool:
            for done in [pool.submit(node.import_image, archive) for node in chosen]:
                done.result()

    def cpu_nodes(self) -> list[str]:
        """Return the names of the nodes that add-ons run on."""
        return [node.address.name for node in self._nodes(self._required()) if not node.address.gpu]

    def gpu_nodes(self) -> list[str]:
        """Return the names of the nodes that play GPU nodes."""
        return [node.address.name for node in self._nodes(self._required()) if node.address.gpu]

    def node_address(self) -> str:
        """Return the first node's address, which this machine has a route to."""
        return AddressPlan(self._required().index).node(0).ip

    def status(self) -> str:
        """Say which nodes run, and the memory of their services."""
        state = self._required()
        lines = [f"native cluster {self._tools.settings.name}, size {state.size}, kubeconfig {self.kubeconfig}"]
        for node in self._nodes(state):
            lines.append(f"{node.address.name} {node.address.ip} " + ("running" if node.init_pid() else "not running"))
            if node.init_pid():
                lines += [f"    {line}" for line in node.memory()]
        return "\n".join(lines)

    def add_process(self, name: str, command: Sequence[str]) -> None:
        """Add a service to the first node."""
        state = self._required()
        self._nodes(state)[0].add_services({name: list(command)})

    def fake_pods(self) -> str:
        """Return the address range for pods that only seem to run."""
        return AddressPlan(self._required().index).fake_pods

    def _require_root(self) -> None:
        if os.geteuid() != 0:
            raise DevclusterError(
                "No docker engine answers, and a cluster of our own needs root: "
                "run as root, start docker, or set PAWL_KUBECONFIG."
            )

    def _prepare_programs(self, size: Size) -> None:
        for name in ("kubectl", *_CONTROL_PLANE, *(_WORKER if size is not Size.API else ())):
            self._tools.program(name)
        for image in (own_images.PAUSE, own_images.COREDNS) if size is not Size.API else ():
            self._tools.images.archive(image)

    def _start(self, state: ClusterState) -> None:
        layout, network = self._layout(state), self._network(state)
        every = [AddressPlan(state.index).node(i) for i in range(2)]
        pki.make_pki(layout.pki, layout.plan, every)
        for user in (*pki.USERS, *(a.name for a in every)):
            pki.write_kubeconfig(layout.kubeconfig(user), layout.pki, user, layout.server, f"pawl-{layout.name}")
        (layout.state / "recycler.yaml").write_text(packaged("recycler.yaml", image=own_images.PAUSE))
        self._make_volumes(layout)
        network.make()
        nodes = self._nodes(state)
        for node in nodes:
            self._start_node(node, state)
        for node in nodes:
            for other in nodes:
                if other is not node:
                    network.introduce(node.address, other.address)

    def _start_node(self, node: Node, state: ClusterState) -> None:
        wanted = self._services(node.address, state)
        if node.init_pid() is not None:
            node.add_services(wanted)
            return
        self._network(state).attach(node.address)
        self._cgroups.make(node.address.name)
        node.write_files(wanted)
        node.start()

    def _services(self, address: NodeAddress, state: ClusterState) -> Services:
        plan = ServicePlan(self._layout(state), self._tools.program)
        services = {} if address.gpu else plan.control_plane()
        if state.size is not Size.API:
            services |= plan.worker(address, self._cgroups.path(address.name))
        return services

    def _complete_nodes(self, state: ClusterState, kubectl: Kubectl) -> None:
        layout = self._layout(state)
        for node in self._nodes(state):
            self._complete_node(node, kubectl)
        kubectl.apply_packaged("coredns.yaml", image=own_images.COREDNS, dns_ip=layout.plan.dns_ip)
        volumes = [
            packaged("volume.yaml", name=f"standard-{i}", path=str(layout.volumes / str(i))) for i in range(_VOLUMES)
        ]
        kubectl.apply("\n---\n".join([packaged("storage.yaml"), *volumes]))
        kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=120s")
        kubectl.rolled_out("kube-system", "deployment/coredns")
        self._report("nodes and DNS ready")

    def _complete_node(self, node: Node, kubectl: Kubectl) -> None:
        name = node.address.name
        waiting.until(f"containerd on {name}", node.takes_images)
        node.import_image(self._tools.images.archive(own_images.PAUSE))
        if not node.address.gpu:
            node.import_image(self._tools.images.archive(own_images.COREDNS))
        waiting.until(f"node {name} to register", lambda: kubectl.succeeds("get", "node", name))
        if node.address.gpu:
            kubectl("patch", "node", name, *gpu_patch())

    def _make_volumes(self, layout: Layout) -> None:
        for i in range(_VOLUMES):
            folder = layout.volumes / str(i)
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)

    def _nodes(self, state: ClusterState) -> list[Node]:
        layout, network = self._layout(state), self._network(state)
        addresses = [layout.plan.node(i) for i in range(2 if state.size is Size.GPU else 1)]
        return [Node(layout, address, network.namespace(address)) for address in addresses]

    def _layout(self, state: ClusterState) -> Layout:
        return Layout(self._tools.settings.name, self._tools.settings.state, AddressPlan(state.index))

    def _network(self, state: ClusterState) -> Network:
        return Network(self._tools.settings.name, AddressPlan(state.index))

    def _required(self) -> ClusterState:
        state = self._state.load()
        if state is None:
            raise DevclusterError(f"There is no cluster {self._tools.settings.name}: bring it up first.")
        return state

    def _kubectl(self) -> Kubectl:
        return Kubectl(self._tools.program("kubectl"), self.kubeconfig)
