"""Liveness on real progress, readiness on watches established (or standing by for the Lease), metrics.

A wedged loop cannot answer at all, which the probe's own time-out finds. What is judged here is what an answering
process can still get wrong: work that does not finish, a lease thread that died, a watch that went quiet.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from aiohttp import web

from pawl_operator.metrics import OperatorMetrics

PROBLEM = "application/problem+json"
TICK = 1.0


@dataclass(slots=True)
class Health:
    """Signals that other parts set, and the two questions that probes ask. Ages in seconds."""

    oldest_work: Callable[[], float] = lambda: 0.0
    lease_age: Callable[[], float] = lambda: 0.0
    watchers: Callable[[], int] = lambda: 0
    max_work_age: float = 180.0
    max_lease_age: float = 60.0
    max_lag: float = 5.0
    standing_by: bool = True
    primed: bool = False
    watchers_needed: int = 0
    resync_failures: int = 0
    lag: float = 0.0
    started: float = field(default_factory=monotonic)

    def dead_because(self) -> str:
        """Return why the process should be restarted; empty when it is alive."""
        if self.lease_age() > self.max_lease_age:
            return f"the thread that holds the lease last went round {self.lease_age():.0f} s ago"
        if self.lag > self.max_lag:
            return f"the event loop lags {self.lag:.1f} s behind"
        if self.standing_by:
            return ""
        if self.oldest_work() > self.max_work_age:
            return f"the oldest due object has waited {self.oldest_work():.0f} s"
        if self.resync_failures >= 2:
            return "two resyncs in a row found changes that the watches had not shown"
        return ""

    def unready_because(self) -> str:
        """Return why the process is not ready; empty when it is."""
        if self.standing_by:
            return ""
        if not self.primed:
            return "the first listing is not complete"
        watchers = self.watchers()
        if watchers < self.watchers_needed:
            return f"{watchers} of {self.watchers_needed} watches are established"
        return ""


def build_app(health: Health, metrics: OperatorMetrics) -> web.Application:
    """Return the HTTP application with /livez, /readyz and /metrics."""

    async def livez(_request: web.Request) -> web.Response:
        return _answer(health.dead_because(), "not live")

    async def readyz(_request: web.Request) -> web.Response:
        return _answer(health.unready_because(), "not ready")

    async def text(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", text)])
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Start listening and return what has to be cleaned up at the end."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def watch_lag(health: Health, metrics: OperatorMetrics) -> None:
    """Measure how late the loop wakes up, once a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK
        await asyncio.sleep(TICK)
        health.lag = max(0.0, loop.time() - due)
        metrics.loop_lag.set(health.lag)


def _answer(problem: str, title: str) -> web.Response:
    if not problem:
        return web.Response(text="ok\n")
    body = {"type": "about:blank", "title": title, "status": 503, "detail": problem, "remedy": "see the operator's log"}
    return web.json_response(body, status=503, content_type=PROBLEM)
