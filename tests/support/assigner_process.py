"""Runs the real assigner as a process of its own, with API keys for two tenants and one component."""

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
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from polling import wait_until

START_SECONDS = 60
TOKEN, OTHER_TOKEN, LIMITED_TOKEN = "token-of-demo", "token-of-shop", "token-of-trust-only"


@dataclass
class AssignerProcess:
    """An assigner that answers at `address`."""

    process: "subprocess.Popen[bytes]"
    log: Path
    address: str = ""

    @cached_property
    def http(self) -> httpx.Client:
        """One connection pool, as a gateway has."""
        return httpx.Client(base_url=self.address, timeout=START_SECONDS, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        """Ask without a key."""
        return self.http.get(path)

    def check(
        self, user: str | bytes | None, rollout: str = "demo/chat", path: str = "/ask", method: str = "POST"
    ) -> httpx.Response:
        """Ask as a gateway does."""
        headers = {} if user is None else {"x-user-id": user.encode() if isinstance(user, str) else user}
        return self.http.request(method, f"/check/{rollout}{path}", headers=headers)

    def variant(self, user: str, rollout: str = "demo/chat") -> str | None:
        """The header that the gateway gets for a user."""
        return self.check(user, rollout).headers.get("x-pawl-variant")

    def generations(self) -> dict[str, int]:
        """What it says that it assigns: generation by `namespace/rollout`."""
        listed: list[Any] = self.get("/v1/assignments").json()["assignments"]
        return {f"{one['namespace']}/{one['rollout']}": one["generation"] for one in listed}

    def metric(self, name: str) -> float:
        """One sample of /metrics by its full name with labels; 0 where it is not there."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def ready(self) -> bool:
        """Whether /readyz is well."""
        return self.get("/readyz").status_code == 200

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self.process.send_signal(signal.SIGTERM)

    def find_address(self) -> bool:
        """Whether it is serving; the port is read from its log, as it picks a free one."""
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r"Uvicorn running on http://[\d.]+:(\d+)", self.log.read_text())
        if found:
            self.address = f"http://127.0.0.1:{found[1]}"
        return bool(found)


def write_keys(file: Path, namespace: str = "demo") -> Path:
    """A keys file for `namespace`, for `shop`, and for one component of `namespace`."""
    keys: list[dict[str, object]] = [
        {"sha256": _hash(TOKEN), "namespace": namespace},
        {"sha256": _hash(OTHER_TOKEN), "namespace": "shop"},
        {"sha256": _hash(LIMITED_TOKEN), "namespace": namespace, "components": ["trust"]},
    ]
    file.write_text(json.dumps({"keys": keys}))
    return file


@contextmanager
def assigner_process(api: str, home: Path, settings: Mapping[str, str] | None = None) -> Iterator[AssignerProcess]:
    """Start an assigner that watches the API server at `api`; end it afterwards if it still runs."""
    token = home / "token"
    token.write_text("token")
    environment = {
        **os.environ,
        "PAWL_API_KEYS_FILE": str(write_keys(home / "keys.json")),
        "PAWL_API_SERVER": api,
        "PAWL_API_TOKEN_FILE": str(token),
        "PAWL_WATCH_TIMEOUT": "5s",
        "PAWL_DRAIN_SECONDS": "0",
        "PAWL_HOST": "127.0.0.1",
        "PAWL_PORT": "0",
        **(settings or {}),
    }
    log = home / "assigner.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "pawl_services.assigner"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    running = AssignerProcess(process, log)
    try:
        wait_until(running.find_address, START_SECONDS, log.read_text)
        yield running
    finally:
        if running.address:
            running.http.close()
        if process.poll() is None:
            process.terminate()
            process.wait(START_SECONDS)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
