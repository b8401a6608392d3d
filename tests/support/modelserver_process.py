"""Runs the real model server as a process of its own on loopback."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from polling import wait_until

START_SECONDS = 60
SUPPORT = Path(__file__).parent
NAME, REVISION = "fact-extraction", "0123456789"
INFER = f"/v2/models/{NAME}/infer"


def text_request(*texts: str, **more: Any) -> dict[str, Any]:
    """A request with one tensor `text`."""
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}], **more}


@dataclass
class ModelServerProcess:
    """A model server that listens at `address`; ready only once its model is loaded."""

    process: "subprocess.Popen[bytes]"
    log: Path
    address: str = ""

    def client(self, timeout: float = 30) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=timeout, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=10, trust_env=False)

    def infer(self, body: Any, headers: dict[str, str] | None = None, timeout: float = 30) -> httpx.Response:
        return httpx.post(f"{self.address}{INFER}", json=body, headers=headers, timeout=timeout, trust_env=False)

    def metric(self, beginning: str) -> float:
        """The sum of all samples whose line begins so."""
        lines = self.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(beginning))

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return self.listening() and self.get("/v2/health/ready").status_code == 200

    def listening(self) -> bool:
        """Whether it listens; the port is read from its log, as it picks a free one."""
        found = re.search(r"Uvicorn running on http://[\d.]+:(\d+)", self.log.read_text())
        if found:
            self.address = f"http://127.0.0.1:{found[1]}"
        return bool(found)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = START_SECONDS) -> int:
        return self.process.wait(seconds)


@contextmanager
def modelserver(folder: Path, **settings: str) -> Iterator[ModelServerProcess]:
    """Start one with PAWL_* settings (names without the prefix, in lower case); it may not be ready yet."""
    defaults = {
        "component": NAME,
        "revision": REVISION,
        "host": "127.0.0.1",
        "port": "0",
        "runtime": "python",
        "entrypoint": "model_entrypoints:echo",
        "drain_seconds": "0",
    }
    chosen = {f"PAWL_{name.upper()}": value for name, value in (defaults | settings).items()}
    log = folder / "modelserver.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAWL_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pawl_services.modelserver"],
            env={**inherited, "PYTHONPATH": str(SUPPORT), **chosen},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield ModelServerProcess(process, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(START_SECONDS)


@contextmanager
def ready_modelserver(folder: Path, **settings: str) -> Iterator[ModelServerProcess]:
    """Start one and wait until its model is loaded."""
    with modelserver(folder, **settings) as server:
        wait_until(server.ready, START_SECONDS, server.log.read_text)
        yield server
