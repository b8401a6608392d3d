"""A real API server with its etcd on loopback: certificates, start, end by pid, and a small client."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml
from kube_client import ApiError, KubeClient

from pawl_devcluster.settings import from_environment

VERSION = "v1.34.4"
READY_WITHIN = 60.0
STOP_WITHIN = 15.0
_PR_SET_PDEATHSIG = 1


@dataclass
class ApiServer(KubeClient):
    """A running API server; `token` belongs to an administrator, `user` in calls impersonates somebody else."""

    kubeconfig: Path = field(default_factory=Path)
    directory: Path = field(default_factory=Path)


def find_binary(name: str) -> Path:
    """The binary of etcd or kube-apiserver: from KUBEBUILDER_ASSETS, from the cache, else built into the cache."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (Path(assets) / name).exists():
        return Path(assets) / name
    binary = from_environment().cache / "bin" / f"{name}-{VERSION}"
    if not binary.exists():
        subprocess.run([sys.executable, "-m", "pawl_devcluster", "build", name], check=True)
    return binary


@contextmanager
def running_apiserver() -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver (RBAC on, no controllers, no nodes); both end when the block ends."""
    with tempfile.TemporaryDirectory(prefix="pawl-apiserver-") as name:
        directory = Path(name)
        processes: list[subprocess.Popen[bytes]] = []
        try:
            with closing(_start(directory, processes)) as server:
                yield server
        finally:
            for process in reversed(processes):
                _stop(process)


def _start(directory: Path, processes: list[subprocess.Popen[bytes]]) -> ApiServer:
    etcd_url, peer_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    port, token = free_port(), secrets.token_urlsafe(24)
    processes.append(_launch(directory, "etcd", _etcd_arguments(directory, etcd_url, peer_url)))
    _write_credentials(directory, token)
    processes.append(_launch(directory, "kube-apiserver", _apiserver_arguments(directory, etcd_url, port)))
    _await_certificate(directory, processes)
    url, ca = f"https://127.0.0.1:{port}", directory / "certs" / "apiserver.crt"
    kubeconfig = _write_kubeconfig(directory, url, ca, token)
    server = ApiServer(url=url, ca=ca, token=token, kubeconfig=kubeconfig, directory=directory)
    _await_ready(server, directory, processes)
    return server


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _etcd_arguments(directory: Path, url: str, peer: str) -> list[str]:
    return [
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=error",
    ]


def _apiserver_arguments(directory: Path, etcd_url: str, port: int) -> list[str]:
    return [
        f"--etcd-servers={etcd_url}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--external-hostname=127.0.0.1",
        f"--cert-dir={directory / 'certs'}",
        f"--token-auth-file={directory / 'tokens.csv'}",
        f"--service-account-key-file={directory / 'sa.key'}",
        f"--service-account-signing-key-file={directory / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        "--enable-priority-and-fairness=false",
    ]


def _write_credentials(directory: Path, token: str) -> None:
    tokens = directory / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text(f'{token},admin,admin,"system:masters"\n')
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]
    subprocess.run([*command, "-out", str(directory / "sa.key")], check=True, capture_output=True)


def _write_kubeconfig(directory: Path, url: str, ca: Path, token: str) -> Path:
    path = directory / "kubeconfig"
    path.touch(mode=0o600)
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin", "namespace": "default"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def _die_with_parent() -> None:
    # A test run that is killed must not leave servers behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _launch(directory: Path, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    with (directory / f"{name}.log").open("wb") as log:
        command = [str(find_binary(name)), *arguments]
        return subprocess.Popen(
            command, cwd=directory, stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_WITHIN)


def _await_certificate(directory: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    # The server makes its own certificate; a half-written file would be read as an empty CA.
    _poll(lambda: (directory / "certs" / "apiserver.key").exists(), directory, processes)


def _await_ready(server: ApiServer, directory: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    def ready() -> bool:
        try:
            server.request("GET", "/readyz")
            return server.exists("v1", "Namespace", "default")
        except (httpx.TransportError, ApiError):
            return False

    _poll(ready, directory, processes)


def _poll(condition: Callable[[], bool], directory: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not condition():
        if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
            logs = {path.name: path.read_text(errors="replace")[-2000:] for path in directory.glob("*.log")}
            raise RuntimeError(f"the API server did not start: {logs}")
        time.sleep(0.05)
