"""A real Ray cluster of one node on loopback, which ends with the test and touches no other Ray on the machine."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

STARTS = 3
STOP_SECONDS = 30
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    # Switched off Ray uses loopback, as it does where it supports one node only.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
_ADDRESS = "address: "
_HEAD = f"""
import sys, ray
size = dict(num_cpus=1, resources={{"trainer": 1}}, object_store_memory=100_000_000)
started = ray.init(include_dashboard=False, _temp_dir=sys.argv[1], **size)
print({_ADDRESS!r} + started.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


@dataclass
class RayCluster:
    """A head that is its own worker; `killed` are the processes that `kill_first` ended."""

    address: str
    head: int
    killed: list[int] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return ENVIRONMENT | {"RAY_ADDRESS": self.address}

    def processes(self, title: str = "") -> list[int]:
        """This cluster's processes whose title begins so."""
        return [pid for pid in _descendants(self.head) if _title(pid).startswith(title)]

    @contextmanager
    def kill_first(self, title: str) -> Iterator[None]:
        """Kill the first process of that title that appears while the block runs, and no other."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.02):
                for pid in self.processes(title)[:1]:
                    os.kill(pid, signal.SIGKILL)
                    self.killed.append(pid)
                    return

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def ray_cluster(log: Path) -> Iterator[RayCluster]:
    """Start one that offers the resource `trainer`."""
    # Its sockets lie here, and their paths have a bound that a test's own folder may exceed.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        head, address = _started(folder, log)
        try:
            yield RayCluster(address, head.pid)
        finally:
            _stop(head, folder)


def _started(folder: str, log: Path) -> tuple["subprocess.Popen[str]", str]:
    """The head and its address. Ray gives itself 30 s to start, which a busy machine may exceed."""
    for _ in range(STARTS):
        with log.open("ab") as errors:
            command = [sys.executable, "-c", _HEAD, folder]
            environment = os.environ | ENVIRONMENT
            head = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert head.stdout is not None
        for line in head.stdout:
            if line.startswith(_ADDRESS):
                return head, line.removeprefix(_ADDRESS).strip()
        _stop(head, folder)
    raise AssertionError(log.read_text())


def _stop(head: "subprocess.Popen[str]", folder: str) -> None:
    """Let it end its cluster, as it does when nobody holds its standard input any more, and end what is left of it."""
    try:
        head.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        head.kill()
        head.communicate()
    for pid in _pids():
        if folder in _title(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _descendants(root: int) -> list[int]:
    parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
    found, newest = [], {root}
    while newest:
        newest = {pid for pid, parent in parents.items() if parent in newest}
        found += sorted(newest)
    return found


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return None


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
