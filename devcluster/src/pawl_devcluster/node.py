"""Starts, finds and ends the process tree of a node, and runs commands inside it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pawl_devcluster import network, nodeconfig, shell, waiting
from pawl_devcluster.addresses import NodeAddress
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.layout import Layout
from pawl_devcluster.report import Stopwatch
from pawl_devcluster.services import Services

HOST_FOLDERS = (Path("/var/lib/kubelet"), Path("/var/lib/cni"))  # mount points that a node needs on the machine
_START_GRACE = 2.0  # seconds after which a node without any process has failed
_CTR = ("ctr", "--namespace", "k8s.io")
_FOLDERS = ("log", "tmp", "etcd", "kubelet", "cni", "net.d", "var-log", "flexvolume", "opt")


class Node:
    """One node; its process 1 is found by its network namespace, so no note of it can be lost or wrong."""

    def __init__(self, layout: Layout, address: NodeAddress, namespace: str) -> None:
        self.address = address
        self._layout = layout
        self._namespace = namespace
        self._folder = layout.node(address)

    def init_pid(self) -> int | None:
        """Return the process id, as the machine sees it, of the node's process 1."""
        return find_init(network.processes(self._namespace))

    def write_files(self, services: Services) -> None:
        """Write the folders and files that the node's services read."""
        for name in _FOLDERS:
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "etcd").chmod(0o700)
        (self._folder / "resolv.conf").write_text("")
        snapshotter = "native" if _on_overlay(self._folder) else "overlayfs"
        (self._folder / "containerd.toml").write_text(nodeconfig.containerd(self._layout, self.address, snapshotter))
        for name, data in {
            "net.d/10-bridge.conflist": nodeconfig.cni(self._layout, self.address),
            "kubelet.json": nodeconfig.kubelet(self._layout, self.address),
            "proxy.json": nodeconfig.kube_proxy(self._layout, self.address),
        }.items():
            (self._folder / name).write_text(json.dumps(data, indent=1))
        self.write_services(services)

    def write_services(self, services: Services) -> bool:
        """Write the list of services; say whether it has changed."""
        file = self._folder / "services.json"
        text = json.dumps(services, indent=1)
        if file.exists() and file.read_text() == text:
            return False
        temporary = file.with_suffix(".tmp")
        temporary.write_text(text)
        temporary.rename(file)
        return True

    def services(self) -> Services:
        """Return the services that are written down."""
        loaded: Services = json.loads((self._folder / "services.json").read_text())
        return loaded

    def start(self) -> None:
        """Start the node in namespaces of its own and wait until its process 1 is there."""
        for folder in HOST_FOLDERS:
            folder.mkdir(parents=True, exist_ok=True)
        unshared = ["--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = ["nsenter", f"--net=/run/netns/{self._namespace}", "unshare", *unshared]
        command += [sys.executable, "-m", "pawl_devcluster.node_init", str(self._folder)]
        log = self._folder / "log" / "init.log"
        with log.open("ab") as output:  # detached, for the node outlives this process
            detached = ["setsid", "--fork", *command]
            subprocess.run(detached, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=True)
        watch = Stopwatch()

        def running() -> bool:
            if watch.seconds() > _START_GRACE and self._empty():
                raise DevclusterError(f"Node {self.address.name} did not start:\n{log.read_text()[-600:]}")
            return self.init_pid() is not None

        waiting.until(f"node {self.address.name} to start", running, limit=20, pause=0.03)

    def add_services(self, services: Services) -> None:
        """Give a running node services beyond those that it has."""
        pid = self.init_pid()
        if pid is not None and self.write_services({**self.services(), **services}):
            os.kill(pid, signal.SIGHUP)

    def stop(self) -> None:
        """End everything in the node and wait until it is gone."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(DevclusterError):
            waiting.until(f"node {self.address.name} to end", self._empty, limit=10, pause=0.05)
            return
        for pid in network.processes(self._namespace):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        waiting.until(f"node {self.address.name} to end", self._empty, limit=20, pause=0.05)

    def inside(self, command: Sequence[shell.Argument], *, stdin: IO[bytes] | None = None, timeout: float = 600) -> str:
        """Run a command in the node's namespaces and return its output."""
        pid = self.init_pid()
        if pid is None:
            raise DevclusterError(f"Node {self.address.name} is not running; start it with `up`.")
        return shell.run(
            ["nsenter", "-t", str(pid), "-m", "-p", "-n", "-u", "--", *command], stdin=stdin, timeout=timeout
        )

    def takes_images(self) -> bool:
        """Say whether containerd answers."""
        try:
            self.inside([*_CTR, "version"], timeout=20)
        except DevclusterError:
            return False
        return True

    def import_image(self, archive: Path) -> None:
        """Put the image of an archive into the node's store."""
        with archive.open("rb") as content:
            self.inside([*_CTR, "images", "import", "-"], stdin=content, timeout=1800)

    def memory(self) -> list[str]:
        """Return one line for each service of the node with the memory that it holds."""
        lines = []
        for line in self.inside(["ps", "-eo", "pid,rss,args"]).splitlines()[1:]:
            _, resident, program = line.split(None, 2)
            name = Path(program.split()[0]).name
            if any(name == Path(command[0]).name for command in self.services().values()):
                lines.append(f"{name:36} {int(resident) // 1024:6} MiB")
        return lines

    def _signal(self, number: signal.Signals) -> None:
        pid = self.init_pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _empty(self) -> bool:
        return not network.processes(self._namespace)


def find_init(pids: Sequence[int], proc: Path = Path("/proc")) -> int | None:
    """Return the process 1 of the outermost inner process namespace: pods on the node's network are deeper."""
    depths: dict[int, int] = {}
    for pid in pids:
        chain = _namespace_ids(proc / str(pid) / "status")
        if len(chain) > 1 and chain[-1] == "1":
            depths[pid] = len(chain)
    return min(depths, key=depths.__getitem__, default=None)


def _namespace_ids(status: Path) -> list[str]:
    try:
        lines = status.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])


def _on_overlay(folder: Path) -> bool:
    return shell.run(["stat", "--file-system", "--format=%T", folder]).strip() == "overlayfs"
