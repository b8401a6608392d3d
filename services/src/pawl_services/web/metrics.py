"""Counts and times every request by route; plain ASGI, because it runs on each of thousands a second."""

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OWN_ROUTES = frozenset({"/livez", "/readyz", "/metrics"})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class RequestMetrics:
    """ASGI middleware; labels are route templates and status codes, never raw paths."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "pawl_http_requests", "Requests answered.", ["method", "route", "code"], registry=registry
        )
        self._seconds = Histogram(
            "pawl_http_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=registry
        )
        self._active = Gauge("pawl_http_requests_active", "Requests being answered.", registry=registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record its outcome."""
        if scope["type"] != "http" or scope["path"] in _OWN_ROUTES:
            await self._app(scope, receive, send)
            return
        code = "500"

        async def record(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
            await send(message)

        start = time.perf_counter()
        with self._active.track_inprogress():
            try:
                await self._app(scope, receive, record)
            finally:
                route = _route_of(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._requests.labels(method, route, code).inc()
                self._seconds.labels(route).observe(time.perf_counter() - start)


def _route_of(scope: Mapping[str, object]) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"
