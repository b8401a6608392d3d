"""Runs the real collector as a process of its own, with keys for as many tenants as a test asks for."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from polling import wait_until

TENANTS = 300
START_SECONDS = 60
LIMITED_TOKEN = "limited-token"
LIMITED_TENANT = "limited"


def token_of(tenant: str) -> str:
    """The API key of a tenant."""
    return f"token of {tenant}".replace(" ", "-")


def reader_token_of(tenant: str) -> str:
    """The key of a tenant that may take examples out, and nothing else."""
    return f"reader-{token_of(tenant)}"


@dataclass
class CollectorProcess:
    """A collector that answers at `address`; `process` is its pid to send signals to."""

    process: "subprocess.Popen[bytes]"
    log: Path
    address: str = ""

    def client(self, tenant: str) -> httpx.Client:
        """A client that sends this tenant's key."""
        headers = {"Authorization": f"Bearer {token_of(tenant)}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)

    def reader(self, tenant: str) -> httpx.Client:
        """A client that sends this tenant's key for reading."""
        headers = {"Authorization": f"Bearer {reader_token_of(tenant)}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)

    def get(self, path: str) -> httpx.Response:
        """Ask one of its own routes, such as /readyz, without a key."""
        return httpx.get(f"{self.address}{path}", timeout=START_SECONDS)

    def active(self) -> float:
        """How many requests it has taken and not answered yet."""
        found = re.search(r"^pawl_http_requests_active (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.process.kill()
        self.process.wait(START_SECONDS)

    def terminate(self) -> None:
        """SIGTERM, without waiting; a second one ends the drain at once."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(START_SECONDS)

    def find_address(self) -> bool:
        """Whether it is serving; the port is read from its log, as it picks a free one."""
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r"Uvicorn running on http://[\d.]+:(\d+)", self.log.read_text())
        if found:
            self.address = f"http://127.0.0.1:{found[1]}"
        return bool(found)


def write_secrets(home: Path) -> dict[str, str]:
    """Write keys of all tenants and a pseudonym key; return the settings that name them."""
    tenants = [f"tenant-{number}" for number in range(TENANTS)]
    entries: list[dict[str, object]] = [{"sha256": _hash(token_of(name)), "namespace": name} for name in tenants]
    entries += [{"sha256": _hash(reader_token_of(name)), "namespace": name, "roles": ["read"]} for name in tenants]
    entries.append({"sha256": _hash(LIMITED_TOKEN), "namespace": LIMITED_TENANT, "components": ["trust"]})
    (home / "keys.json").write_text(json.dumps({"keys": entries}))
    (home / "pseudonym").write_text("0123456789abcdef" * 4)
    return {
        "PAWL_API_KEYS_FILE": str(home / "keys.json"),
        "PAWL_PSEUDONYM_KEY_FILE": str(home / "pseudonym"),
    }


@contextmanager
def collector_process(url: str, home: Path, settings: Mapping[str, str] | None = None) -> Iterator[CollectorProcess]:
    """Start a collector on the database at `url` and end it afterwards if it still runs."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "collector.log"
    log.write_bytes(b"")
    environment = {
        **os.environ,
        **write_secrets(home),
        "PAWL_DATABASE_URL": url,
        "PAWL_HOST": "127.0.0.1",
        "PAWL_PORT": "0",
        "PAWL_DRAIN_SECONDS": "0",
        **(settings or {}),
    }
    with log.open("ab") as output:
        command = [sys.executable, "-m", "pawl_services.collector"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    collector = CollectorProcess(process, log)
    try:
        wait_until(collector.find_address, START_SECONDS, log.read_text)
        yield collector
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(START_SECONDS)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
