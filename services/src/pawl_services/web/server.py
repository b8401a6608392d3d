"""Builds the application shell of a process and runs it so that ending it loses no request."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawl_services.web.health import Health, health_routes
from pawl_services.web.metrics import RequestMetrics
from pawl_services.web.problem import install_problem_handlers
from pawl_services.web.settings import ServerSettings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wire:
    """What speaks HTTP, and for how many seconds an idle connection is kept. httptools and uvloop: extra assigner."""

    http: Literal["h11", "httptools"] = "h11"
    loop: Literal["asyncio", "uvloop"] = "asyncio"
    keep_alive: int = 75


PLAIN = Wire()


class CloseWhenDraining:
    """ASGI middleware: while draining, every answer closes its connection, so clients move to another replica."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self._health.draining:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, closing)


class DrainingServer(uvicorn.Server):
    """On the first SIGTERM or SIGINT: not ready, serve on for the drain time, then stop; on a second: stop now."""

    def __init__(self, config: uvicorn.Config, health: Health, drain_seconds: float) -> None:
        super().__init__(config)
        self._health = health
        self._drain_seconds = drain_seconds
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Runs in the signal handler: only notes the wish, `on_tick` acts on it."""
        self._health.drain()
        self._stop_at = time.monotonic() + (self._drain_seconds if self._stop_at is None else 0.0)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second by the server's loop; True ends it."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)


def create_app(
    title: str,
    health: Health,
    registry: CollectorRegistry,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """An application with health, metrics and problem+json; the process adds its own routers."""
    app = FastAPI(title=title, lifespan=lifespan, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    app.include_router(health_routes(health, registry))
    app.add_middleware(CloseWhenDraining, health=health)
    app.add_middleware(RequestMetrics, registry=registry)
    return app


def serve(app: ASGIApp, settings: ServerSettings, health: Health, wire: Wire = PLAIN) -> None:
    """Serve until a signal ends it; returns after drain, in-flight answers and the application's own shutdown."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        http=wire.http,
        loop=wire.loop,
        timeout_keep_alive=wire.keep_alive,
    )
    _log.info("serving", host=settings.host, port=settings.port, drain_seconds=settings.drain_seconds)
    DrainingServer(config, health, settings.drain_seconds).run()
    _log.info("ended")
