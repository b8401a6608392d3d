"""Liveness, readiness and metrics routes; a process adds checks that say why it is not well."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from pawl_services.web.logs import Sparingly
from pawl_services.web.problem import Problem

Check = Callable[[], str | Awaitable[str | None] | None]
CHECK_TIMEOUT = 2.0
_log = structlog.get_logger(__name__)
_sparingly = Sparingly(60.0)


@dataclass
class Health:
    """What a process says of itself. A check returns None when well, else one sentence that says what is wrong."""

    live: dict[str, Check] = field(default_factory=dict)
    ready: dict[str, Check] = field(default_factory=dict)
    draining: bool = False

    def drain(self) -> None:
        """From now on not ready, so that endpoints are withdrawn, while requests are still served."""
        self.draining = True

    async def liveness(self) -> dict[str, str]:
        """What is wrong, by check; empty when alive."""
        return await failures(self.live)

    async def readiness(self) -> dict[str, str]:
        """What is wrong, by check; empty when ready."""
        if self.draining:
            return {"drain": "this process is ending; requests are still served until it has drained"}
        return await failures(self.ready)


class Heartbeat:
    """A liveness check for a loop: `beat()` on every turn; wrong once no beat came for `limit` seconds."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Say that the loop goes on."""
        self._last = self._clock()

    def __call__(self) -> str | None:
        """None while beats come, else how long ago the last came."""
        age = self._clock() - self._last
        return None if age <= self._limit else f"no progress for {age:.0f} s (limit {self._limit:.0f} s)"


async def failures(checks: dict[str, Check]) -> dict[str, str]:
    """Run all checks side by side, each for at most `CHECK_TIMEOUT` seconds."""
    outcomes = await asyncio.gather(*(_outcome(name, check) for name, check in checks.items()))
    return {name: reason for name, reason in zip(checks, outcomes, strict=True) if reason is not None}


async def _outcome(name: str, check: Check) -> str | None:
    try:
        outcome = check()
        return await asyncio.wait_for(outcome, CHECK_TIMEOUT) if inspect.isawaitable(outcome) else outcome
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT:g} s"
    except Exception as error:  # noqa: BLE001  a broken check is a failed check, whatever broke it
        # The answer names the type only, for anybody may read it.
        if (held := _sparingly.passes(f"{name} {type(error).__name__}")) is not None:
            _log.error("check failed", check=name, held_back=held, exc_info=error)
        return f"{type(error).__name__} while checking"


def health_routes(health: Health, registry: CollectorRegistry) -> APIRouter:
    """`GET /livez`, `/readyz` (200 "ok" or 503 problem+json naming the failed checks) and `/metrics`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> Response:
        return _answer(await health.liveness(), "alive")

    @router.get("/readyz")
    async def readyz() -> Response:
        return _answer(await health.readiness(), "ready")

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _answer(wrong: dict[str, str], word: str) -> Response:
    if not wrong:
        return Response("ok", media_type="text/plain")
    detail = "; ".join(f"{name}: {reason}" for name, reason in wrong.items())
    errors = [{"field": name, "message": reason} for name, reason in wrong.items()]
    return Problem(503, detail, "wait, or see the log of this process", f"Not {word}", errors=errors).response()
