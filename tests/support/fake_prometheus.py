"""A Prometheus for tests: speaks /api/v1/query over real HTTP, and can be down, slow or lying."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Labels = dict[str, str]
PRESENCE = {"envoy_cluster_membership_total": "envoy_cluster_name", "pawl_modelserver_loaded": "revision"}
"""Gauges that gateway and model servers expose from the start, with the label that tells arms apart."""
KNOWN_FOR = 300.0


@dataclass
class FakePrometheus:
    """What the server answers; change it at any time. Series are keyed by name and labels."""

    url: str = ""
    gauges: dict[tuple[str, frozenset[tuple[str, str]]], float | None] = field(default_factory=dict)
    counters: dict[tuple[str, frozenset[tuple[str, str]]], list[tuple[float, float]]] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    fail_with: int = 0
    hang: threading.Event = field(default_factory=threading.Event)
    hanging: bool = False
    skew: float = 0.0
    scraped: bool = True
    """Whether gateway and model servers are scraped: then they have a sample of this moment for every arm asked of."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Hold it to change several things that one answer shall show together."""

    def gauge(self, name: str, value: float | None, **labels: str) -> None:
        """Set one gauge; None stands for the time of the question, as a clock that ticks."""
        with self.lock:
            self.gauges[name, frozenset(labels.items())] = value

    def clear(self) -> None:
        """Forget all gauges."""
        with self.lock:
            self.gauges.clear()

    def count(self, name: str, value: float, at: float | None = None, **labels: str) -> None:
        """Add one raw sample to a counter, scraped now or `at` (epoch seconds); one scrape has one time."""
        with self.lock:
            sample = (time.time() if at is None else at, value)
            self.counters.setdefault((name, frozenset(labels.items())), []).append(sample)

    def answer(self, query: str) -> dict[str, Any]:
        """Return the body for a query: a range selector or a moment reads counters, anything else the gauges."""
        with self.lock:
            self.queries.append(query)
            if query.endswith("s]"):
                since = time.time() - float(query.rpartition("[")[2][:-2])
                found = {key: [s for s in samples if s[0] >= since] for key, samples in self.counters.items()}
                return _success(
                    "matrix", [_matrix(key, samples) for key, samples in (self._present(query) | found).items()]
                )
            if "} @ " in query:
                return _success("vector", self._at(float(query.rpartition(" @ ")[2])))
            return _success("vector", [_vector(key, value) for key, value in self.gauges.items()])

    def _present(self, query: str) -> dict[tuple[str, frozenset[tuple[str, str]]], list[tuple[float, float]]]:
        found = {}
        for gauge, label in PRESENCE.items() if self.scraped else ():
            asked = re.search(rf'{gauge}[|"].*{label}=~"([^"]*)"', query)
            for value in asked[1].replace("\\", "").split("|") if asked else ():
                found[gauge, frozenset({(label, value), ("instance", "fake")})] = [(time.time(), 1.0)]
        return found

    def _at(self, when: float) -> list[dict[str, Any]]:
        past = {key: [s for s in samples if when - KNOWN_FOR < s[0] <= when] for key, samples in self.counters.items()}
        return [_vector(key, samples[-1][1]) for key, samples in past.items() if samples]


@contextmanager
def running_prometheus() -> Iterator[FakePrometheus]:
    """Serve a fake Prometheus on loopback."""
    fake = FakePrometheus()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        fake.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(fake: FakePrometheus) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if fake.hanging:
                fake.hang.wait(60)
            if fake.fail_with:
                self._send(fake.fail_with, {"status": "error", "errorType": "internal", "error": "told to fail"})
                return
            self._send(200, fake.answer(parse_qs(body)["query"][0]))

        def _send(self, code: int, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response_only(code)
            self.send_header("Date", formatdate(time.time() + fake.skew, usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            return

    return Handler


def _success(kind: str, result: list[Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def _vector(key: tuple[str, frozenset[tuple[str, str]]], value: float | None) -> dict[str, Any]:
    now = time.time()
    return {"metric": {"__name__": key[0], **dict(key[1])}, "value": [now, _text(now if value is None else value)]}


def _matrix(key: tuple[str, frozenset[tuple[str, str]]], samples: list[tuple[float, float]]) -> dict[str, Any]:
    return {"metric": {"__name__": key[0], **dict(key[1])}, "values": [[at, _text(value)] for at, value in samples]}


def _text(value: float) -> str:
    if value != value:
        return "NaN"
    return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value, repr(float(value)))
