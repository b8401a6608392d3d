"""Runs the real monitor as a process of its own, and writes traffic for it as the collector's sink would."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from evidence_world import RIGHT, WRONG
from polling import wait_until
from prometheus_client.parser import text_string_to_metric_families

from pawl.evidence import ReleaseEvidence, Sample, parse_samples
from pawl_services.db.engine import Database
from pawl_services.db.rows import Bundle, FeedbackRow, InteractionRow
from pawl_services.db.sinks import sink_for

START_SECONDS = 60


@dataclass
class MonitorProcess:
    """A monitor that answers at `address`."""

    process: "subprocess.Popen[bytes]"
    log: Path
    address: str = ""

    def metrics(self) -> str:
        """The text of /metrics."""
        return httpx.get(f"{self.address}/metrics", timeout=30, trust_env=False).text

    def status(self, path: str) -> int:
        """The status of /livez or /readyz."""
        return httpx.get(f"{self.address}{path}", timeout=30, trust_env=False).status_code

    def evidence(self) -> dict[str, ReleaseEvidence]:
        """What the operator reads from this monitor's metrics."""
        return evidence_in(self.metrics())

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.process.kill()
        self.process.wait(START_SECONDS)

    def find_address(self) -> bool:
        """Whether it is serving; the port is read from its log, as it picks a free one."""
        assert self.process.poll() is None, self.log.read_text()
        found = re.search(r"Uvicorn running on http://[\d.]+:(\d+)", self.log.read_text())
        if found:
            self.address = f"http://127.0.0.1:{found[1]}"
        return bool(found)


def evidence_in(text: str) -> dict[str, ReleaseEvidence]:
    """The evidence in the text of /metrics, as if one Prometheus target had been scraped."""
    samples = [
        Sample(sample.name, {**sample.labels, "instance": "monitor"}, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    return parse_samples(samples)


@contextmanager
def monitor_process(
    url: str, api: str, home: Path, name: str, settings: Mapping[str, str] | None = None
) -> Iterator[MonitorProcess]:
    """Start a monitor on a database and an API server; end it afterwards if it still runs."""
    home.mkdir(parents=True, exist_ok=True)
    token = home / "token"
    token.write_text("token")
    environment = {
        **os.environ,
        "PAWL_DATABASE_URL": url,
        "PAWL_API_SERVER": api,
        "PAWL_API_TOKEN_FILE": str(token),
        "PAWL_POD_NAME": name,
        "PAWL_TICK": "200ms",
        "PAWL_LEASE_DURATION": "3s",
        "PAWL_DRAIN_SECONDS": "0",
        "PAWL_HOST": "127.0.0.1",
        "PAWL_PORT": "0",
        **(settings or {}),
    }
    log = home / f"{name}.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "pawl_services.monitor"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    running = MonitorProcess(process, log)
    try:
        wait_until(running.find_address, START_SECONDS, log.read_text)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(START_SECONDS)


class Traffic:
    """Writes interactions with their labels through the collector's own sink, so that receive times are real."""

    def __init__(self, database: Database, namespace: str, release: int = 3, rollout: str = "u1") -> None:
        self._sink = sink_for(database)
        self._namespace, self._release, self._rollout = namespace, release, rollout

    def users(self, names: list[str], arm: str, *, right: bool = True, step: int = 1) -> None:
        """One labelled interaction of each user, in one commit."""
        rows: list[Bundle] = []
        for name in names:
            identifier = str(uuid.uuid4())
            rows.append(Bundle((self._interaction(identifier, name, arm, right=right, step=step),), 100))
            label = FeedbackRow(
                self._namespace, str(uuid.uuid4()), identifier, "correction", 0, json.dumps({"truth": RIGHT})
            )
            rows.append(Bundle((label,), 100))
        self._sink.write(rows)

    def _interaction(self, identifier: str, user: str, arm: str, *, right: bool, step: int) -> InteractionRow:
        return InteractionRow(
            namespace=self._namespace,
            id=identifier,
            component="facts",
            user=user,
            key_id="k1",
            time=2**60,
            input='"hello"',
            output=json.dumps(RIGHT if right else WRONG),
            latency_ms=20.0,
            revision=("a" if arm == "stable" else "b") * 10,
            arm=arm,
            rollout=self._rollout,
            release=self._release,
            step=step,
            confidence=None,
            session=None,
            raw=None,
        )
