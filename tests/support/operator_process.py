"""The operator as a process of its own, as it runs in a pod, against a test's API server."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from polling import wait_until

from apiserver import free_port

_PR_SET_PDEATHSIG = 1
MODULE = ("-m", "pawl_operator")


@dataclass
class OperatorProcess:
    """A started operator; `log` grows while it runs."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> httpx.Response:
        """Ask one of its HTTP endpoints."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30, trust_env=False)

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def leading(self) -> bool:
        """Whether it holds the lease and its watches are established."""
        return self.ready() and self.metric("pawl_operator_leading") == 1.0

    def metric(self, line: str) -> float:
        """The value of the metric whose line begins with `line`; 0 when there is none."""
        for text in self.get("/metrics").text.splitlines():
            if text.startswith(line):
                return float(text.rpartition(" ")[2])
        return 0.0

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, wait, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-6000:]


def launch_operator(
    directory: Path, kubeconfig: Path, namespace: str, env: Mapping[str, str], command: Sequence[str] = MODULE
) -> OperatorProcess:
    """Start an operator that works in one namespace; it ends with this process at the latest."""
    port = free_port()
    count = len(list(directory.glob("operator-*.log")))
    log = directory / f"operator-{count}.log"
    settings = {
        "KUBECONFIG": str(kubeconfig),
        "PAWL_NAMESPACES": namespace,
        "PAWL_LEASE_NAMESPACE": namespace,
        # As in production: with a shorter one an operator that starves on a busy machine loses it and ends itself.
        # A restart under the same name need not wait it out; only a successor of another name does.
        "PAWL_LEASE_DURATION": "15s",
        "PAWL_POD_NAME": "operator",
        "PAWL_HTTP_HOST": "127.0.0.1",
        "PAWL_HTTP_PORT": str(port),
        "PAWL_SCRAPE_INTERVAL": "1s",
        "PAWL_MONITOR_TICK": "1s",
        "PAWL_API_QPS": "200",
        "PAWL_API_BURST": "400",
        "PAWL_LOG_LEVEL": "info",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command], env=settings | dict(env), stdout=out, stderr=out, preexec_fn=_die_with_parent
        )
    return OperatorProcess(process, port, log)


@contextmanager
def running_operator(
    directory: Path, kubeconfig: Path, namespace: str, env: Mapping[str, str], command: Sequence[str] = MODULE
) -> Iterator[OperatorProcess]:
    """Start an operator, wait until it leads, and end it with the block."""
    operator = launch_operator(directory, kubeconfig, namespace, env, command)
    try:
        wait_until(operator.leading, 30, operator.tail)
        yield operator
    finally:
        operator.process.kill()
        operator.process.wait(10)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
