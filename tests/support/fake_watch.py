"""A small API server that is watched: Rollouts with resource versions, streams that tests can break, end or hold up."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
Line = Object | bytes | None


@dataclass
class FakeWatch:
    """`lists` and `watches` count calls. `down` refuses all, `forgetful` answers every watch with 410,
    `mute` takes watches and says nothing, `hold` seconds pass before a list is answered.
    """

    down: bool = False
    forgetful: bool = False
    mute: bool = False
    hold: float = 0.0
    lists: int = 0
    watches: int = 0
    tokens: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    _objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    _version: int = 100
    _log: list[tuple[int, Object]] = field(default_factory=list)
    _streams: "list[queue.Queue[Line]]" = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, item: Object) -> None:
        """Store the object and tell everybody who watches."""
        with self._lock:
            known = self._key(item) in self._objects
            self._tell("MODIFIED" if known else "ADDED", item)
            self._objects[self._key(item)] = item

    def remove(self, item: Object) -> None:
        """Delete the object and tell everybody who watches."""
        with self._lock:
            self._objects.pop(self._key(item))
            self._tell("DELETED", item)

    def forget(self, item: Object) -> None:
        """Delete the object in silence, as if it had happened between two watches."""
        with self._lock:
            self._objects.pop(self._key(item))
            self._log.clear()

    def send(self, line: Line) -> None:
        """Send a line as it is to everybody who watches; None ends their watches."""
        with self._lock:
            for stream in self._streams:
                stream.put(line)

    def streams(self) -> int:
        """How many watch now."""
        with self._lock:
            return len(self._streams)

    def listing(self, query: dict[str, list[str]], namespace: str) -> Object:
        """One page."""
        time.sleep(self.hold)
        with self._lock:
            self.lists += 1
            items = [item for (home, _), item in sorted(self._objects.items()) if namespace in ("", home)]
            start, size = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
            more = str(start + size) if start + size < len(items) else ""
            metadata = {"continue": more, "resourceVersion": str(self._version)}
            return {"items": items[start : start + size], "metadata": metadata}

    def stream(self, query: dict[str, list[str]], namespace: str) -> "Iterator[bytes]":
        """The lines of one watch, until its time is over."""
        lines: queue.Queue[Line] = queue.Queue()
        since = int(query["resourceVersion"][0])
        with self._lock:
            self.watches += 1
            self.versions.append(query["resourceVersion"][0])
            for version, event in self._log:
                if version > since:
                    lines.put(event)
            self._streams.append(lines)
        try:
            yield from self._lines(lines, float(query["timeoutSeconds"][0]), namespace)
        finally:
            with self._lock:
                self._streams.remove(lines)

    def _lines(self, lines: "queue.Queue[Line]", seconds: float, namespace: str) -> Iterator[bytes]:
        deadline = time.monotonic() + (seconds if not self.mute else 3600.0)
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = lines.get(timeout=min(left, 0.05))
            except queue.Empty:
                continue
            if line is None:
                return
            if isinstance(line, dict):
                home = line["object"].get("metadata", {}).get("namespace", "")
                if namespace not in ("", home) and line["type"] in {"ADDED", "MODIFIED", "DELETED"}:
                    continue
            if not self.mute:
                yield line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode() + b"\n"

    def _tell(self, kind: str, item: Object) -> None:
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        event = {"type": kind, "object": json.loads(json.dumps(item))}
        self._log.append((self._version, event))
        self.send(event)

    @staticmethod
    def _key(item: Object) -> tuple[str, str]:
        return item["metadata"]["namespace"], item["metadata"]["name"]


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the API server of its class."""

    kube: FakeWatch
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query, parts = parse_qs(url.query), url.path.strip("/").split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
        self.kube.tokens.append(self.headers.get("authorization", ""))
        if self.kube.down:
            self._json(503, {"message": "down"})
        elif "watch" not in query:
            self._json(200, self.kube.listing(query, namespace))
        elif self.kube.forgetful:
            self.kube.watches += 1
            self._json(410, {"code": 410, "message": "too old resource version"})
        else:
            self._stream(query, namespace)

    def _stream(self, query: dict[str, list[str]], namespace: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for line in self.kube.stream(query, namespace):
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
                if not line.endswith(b"\n"):
                    # Half a line, and then the connection breaks.
                    self.close_connection = True
                    return
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _json(self, status: int, content: Object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Stay quiet."""


@contextmanager
def watched(kube: FakeWatch) -> Iterator[str]:
    """Serve it on loopback; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"kube": kube}))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        kube.send(None)
        server.shutdown()
        server.server_close()
        thread.join()
