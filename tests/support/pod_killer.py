"""SIGKILL for one container's main process, as the out-of-memory killer sends it, and what the kubelet made of it.

`kubectl delete --force` is no such thing: it sends SIGTERM first. The process is found on the node by the container's
id, checked by its command line, and only then ended.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polling import wait_until

from pawl_devcluster import shell
from pawl_devcluster.cluster import Cluster
from pawl_devcluster.provider import KIND, NATIVE

Json = dict[str, Any]
PROC = Path("/proc")
BACK_WITHIN = 180


@dataclass(frozen=True)
class Container:
    """The container of the only pod that a selector finds, as the API server shows it."""

    pod: str
    node: str
    id: str
    ready: bool
    restarts: int
    last: Json

    @property
    def exit_code(self) -> int | None:
        """With what its earlier life ended, None in its first."""
        return self.last.get("exitCode")


def find_container(cluster: Cluster, namespace: str, selector: str) -> Container:
    """Read it; the pod must be the only one and have one container."""
    [pod] = cluster.kubectl.get("pods", "--namespace", namespace, "--selector", selector)["items"]
    [status] = pod["status"].get("containerStatuses") or [{}]
    return Container(
        pod=pod["metadata"]["name"],
        node=pod["spec"].get("nodeName", ""),
        id=str(status.get("containerID", "")).rpartition("/")[2],
        ready=bool(status.get("ready")),
        restarts=int(status.get("restartCount", 0)),
        last=(status.get("lastState") or {}).get("terminated") or {},
    )


def kill_container(cluster: Cluster, namespace: str, selector: str, word: str) -> Container:
    """Kill the process whose command line has `word` in it, and return the container once it is ready again."""
    killed = find_container(cluster, namespace, selector)
    assert killed.ready, f"{killed.pod} is not ready, so there is nothing to kill"
    killer_of(cluster)(killed, word)

    def back() -> bool:
        found = find_container(cluster, namespace, selector)
        return found.restarts > killed.restarts and found.ready

    wait_until(back, BACK_WITHIN, lambda: str(find_container(cluster, namespace, selector)), 1.0)
    found = find_container(cluster, namespace, selector)
    assert found.pod == killed.pod
    assert str(found.last.get("containerID", "")).endswith(killed.id)
    return found


def killer_of(cluster: Cluster) -> Callable[[Container, str], None]:
    """The way to a container's process on this kind of cluster."""
    ways = {NATIVE: kill_on_this_machine, KIND: kill_in_kind}
    assert cluster.provider in ways, f"a {cluster.provider} cluster gives no access to its nodes' processes"
    return ways[cluster.provider]


def kill_on_this_machine(container: Container, word: str) -> None:
    """The native cluster's containers are processes of this machine, in namespaces and control groups of their own."""
    found = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and _is_main(entry, container.id)]
    assert len(found) == 1, f"{container.pod}: main processes of container {container.id}: {found}"
    handle = os.pidfd_open(found[0])
    try:
        # The handle stays with this process; its number may by now belong to another.
        entry = PROC / str(found[0])
        assert _is_main(entry, container.id)
        command = _read(entry / "cmdline").split("\0")
        assert word in command, f"process {found[0]} is another one: {command}"
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)


def kill_in_kind(container: Container, word: str) -> None:
    """A kind cluster's nodes are containers of the docker engine, named like the nodes."""
    inside = ("docker", "exec", container.node)
    template = ("--output", "go-template", "--template", "{{.info.pid}}")
    pid = int(shell.run([*inside, "crictl", "inspect", *template, container.id], timeout=60))
    command = shell.run([*inside, "cat", f"/proc/{pid}/cmdline"], timeout=60).split("\0")
    assert word in command, f"process {pid} of {container.node} is another one: {command}"
    shell.run([*inside, "kill", "-9", str(pid)], timeout=60)


def _is_main(entry: Path, container: str) -> bool:
    """Whether a process is number 1 of its namespace and in the control group that bears the container's id."""
    groups = [line.rpartition(":")[2] for line in _read(entry / "cgroup").splitlines()]
    if not container or not any(container in Path(group).name for group in groups):
        return False
    lines = _read(entry / "status").splitlines()
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
