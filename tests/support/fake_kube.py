"""A small API server for tests: lists of objects, and Leases with optimistic locking; in memory or over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

Object = dict[str, Any]


@dataclass
class FakeKube:
    """`objects` by plural; `down` refuses every call; `tokens` are those that were sent."""

    objects: dict[str, list[Object]] = field(default_factory=dict)
    leases: dict[str, Object] = field(default_factory=dict)
    down: bool = False
    tokens: list[str] = field(default_factory=list)
    page: int = 500
    _version: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, url: str, body: bytes, token: str) -> tuple[int, Object]:
        """One call: status and JSON."""
        with self._lock:
            self.tokens.append(token)
            if self.down:
                return 503, {"message": "down"}
            path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
            if "/leases" in path:
                return self._lease(method, path, json.loads(body or b"{}"))
            return 200, self._list(path, query)

    def transport(self) -> httpx.MockTransport:
        """For an in-process httpx client."""

        def handle(request: httpx.Request) -> httpx.Response:
            token = request.headers.get("authorization", "")
            status, content = self.answer(request.method, str(request.url), request.content, token)
            return httpx.Response(status, json=content)

        return httpx.MockTransport(handle)

    def _list(self, path: str, query: dict[str, list[str]]) -> Object:
        parts = path.strip("/").split("/")
        items = self.objects.get(parts[-1], [])
        if "namespaces" in parts:
            namespace = parts[parts.index("namespaces") + 1]
            items = [item for item in items if item["metadata"].get("namespace") == namespace]
        start = int(query.get("continue", ["0"])[0])
        size = min(self.page, int(query["limit"][0]))
        more = str(start + size) if start + size < len(items) else ""
        return {"items": items[start : start + size], "metadata": {"continue": more}}

    def _lease(self, method: str, path: str, body: Object) -> tuple[int, Object]:
        name = path.rsplit("/", 1)[-1] if method != "POST" else body["metadata"]["name"]
        known = self.leases.get(name)
        if method == "GET":
            return (200, known) if known else (404, {"message": "not found"})
        if method == "POST" and known is not None:
            return 409, {"message": "exists"}
        if method == "PUT" and (known is None or body["metadata"].get("resourceVersion") != _version_of(known)):
            return 409, {"message": "changed"}
        self._version += 1
        self.leases[name] = body | {"metadata": body["metadata"] | {"resourceVersion": str(self._version)}}
        return 200, self.leases[name]


def _version_of(lease: Object) -> str:
    return str(lease["metadata"]["resourceVersion"])


@contextmanager
def served(kube: FakeKube) -> Iterator[str]:
    """Serve it on loopback; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, content = kube.answer(self.command, self.path, body, self.headers.get("authorization", ""))
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _do  # noqa: N815  the base class looks for these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
