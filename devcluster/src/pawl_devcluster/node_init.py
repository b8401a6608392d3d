"""Process 1 of a node: mounts, then keeps the node's services running and reaps what is orphaned.

Started as `python -m pawl_devcluster.node_init FOLDER` inside fresh namespaces. When it ends, the kernel ends all else
in the node. SIGHUP makes it read FOLDER/services.json again, for services that were added.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_RESTART_PAUSE = 1.0
_SETTINGS = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1", "net/ipv4/conf/all/rp_filter": "0"}


def private_mounts(folder: Path) -> list[list[str]]:
    """Return the mount commands that give the node its own /run, logs and state; they go with the node."""
    binds = {"var-log": "/var/log", "kubelet": "/var/lib/kubelet", "cni": "/var/lib/cni"}
    return [
        ["mount", "--make-rshared", "/"],
        ["mount", "-t", "tmpfs", "tmpfs", "/run"],
        *(["mount", "--bind", str(folder / source), target] for source, target in binds.items()),
    ]


class Supervisor:
    """Starts every service of the file, and starts again what ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[int, str] = {}
        self._due: dict[str, float] = {}
        self._spec: dict[str, list[str]] = {}
        self._stale = True

    def reload(self, *_: object) -> None:
        """Note that the file has changed (a signal handler must do no more)."""
        self._stale = True

    def tick(self) -> None:
        """Take in a changed file, start what is due, reap what has ended."""
        if self._stale:
            self._stale = False
            self._spec = json.loads((self._folder / "services.json").read_text())
            self._due.update(
                {name: 0.0 for name in self._spec if name not in self._running.values() and name not in self._due}
            )
        for name in [name for name, at in self._due.items() if at <= time.monotonic()]:
            del self._due[name]
            self._start(name)
        self._reap()

    def _start(self, name: str) -> None:
        environment = {**os.environ, "TMPDIR": str(self._folder / "tmp")}
        with (self._folder / "log" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._spec[name],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self._folder,
                env=environment,
                start_new_session=True,
            )
        self._running[process.pid] = name

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = self._running.pop(pid, None)
            if name is not None:
                print(f"{time.strftime('%H:%M:%S')} {name} ended with status {status}", flush=True)
                self._due[name] = time.monotonic() + _RESTART_PAUSE


def main(folder: Path) -> None:
    """Run until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    supervisor = Supervisor(folder)
    signal.signal(signal.SIGHUP, supervisor.reload)
    for command in (*private_mounts(folder), ["hostname", folder.name]):
        subprocess.run(command, check=True)
    for name, value in _SETTINGS.items():
        file = Path("/proc/sys") / name
        if file.exists():
            file.write_text(value)
    while True:
        supervisor.tick()
        time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
