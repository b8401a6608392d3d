"""Ticks: ask the cluster, look at the database, publish. Late ticks are counted, never run twice."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from pawl_services.monitor.engine import Engine, Sighting
from pawl_services.monitor.export import EvidenceCollector
from pawl_services.monitor.kube import KubeError
from pawl_services.monitor.leader import Leader
from pawl_services.monitor.metrics import MonitorMetrics
from pawl_services.monitor.sighting import sight

_log = structlog.get_logger(__name__)
LIST_WITHIN = 10.0


class ListApi(Protocol):
    """What is asked of the API server."""

    async def list_all(self, plural: str, namespaces: tuple[str, ...]) -> list[dict[str, Any]]:
        """All objects of a kind."""


class Ticker:
    """Runs the engine once per `interval` seconds while this process leads, and then what is done `beside` it."""

    def __init__(
        self,
        api: ListApi,
        engine: Engine,
        leader: Leader,
        exported: EvidenceCollector,
        metrics: MonitorMetrics,
        interval: float,
        namespaces: tuple[str, ...] = (),
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._api, self._engine, self._leader = api, engine, leader
        self._exported, self._metrics = exported, metrics
        self._interval, self._namespaces, self._beside = interval, namespaces, beside
        self._term = 0

    async def run(self, stop: asyncio.Event, beat: Callable[[], None]) -> None:
        """Tick until `stop`, on a fixed grid of times; `beat` is called after every turn."""
        due = monotonic()
        while not stop.is_set():
            await self.turn()
            beat()
            due += self._interval
            late = monotonic() - due
            if late > 0:
                missed = int(late // self._interval) + 1
                self._metrics.missed.inc(missed)
                _log.warning("tick took too long", missed=missed, late_seconds=round(late, 3))
                due += missed * self._interval
            try:
                await asyncio.wait_for(stop.wait(), max(0.0, due - monotonic()))
            except TimeoutError:
                continue
        self._exported.clear()

    async def turn(self) -> None:
        """One tick, or none where somebody else leads; then nothing is exported either."""
        leading = self._leader.leading()
        self._metrics.leader.set(leading)
        if not leading:
            self._exported.clear()
            return
        if self._term != self._leader.term:
            # Somebody else may have led in between: what we remember is not what is stored.
            self._exported.clear()
            self._engine.forget()
            self._term = self._leader.term
        started = monotonic()
        sighting = await self._sighting()
        try:
            views = await asyncio.to_thread(self._engine.tick, sighting, self._expired(monotonic()))
        except SQLAlchemyError as error:
            _log.warning("database does not answer, evidence grows old", error=type(error).__name__)
            self._metrics.ticks.labels("failed").inc()
            return
        self._exported.publish(views)
        self._metrics.observe(self._engine, monotonic() - started)
        if self._beside is not None:
            await self._beside()

    async def _sighting(self) -> Sighting | None:
        try:
            async with asyncio.timeout(LIST_WITHIN):
                rollouts = await self._api.list_all("rollouts", self._namespaces)
                components = await self._api.list_all("components", self._namespaces)
                experiments = await self._api.list_all("experiments", self._namespaces)
        except (KubeError, TimeoutError) as error:
            _log.warning("releases not listed, going on with those known", reason=str(error) or "no answer in time")
            return None
        return sight(rollouts, components, experiments)

    def _expired(self, started: float) -> Callable[[], bool]:
        # A release that is far behind is caught up over several ticks; each tick leaves time for the others.
        return lambda: monotonic() - started > self._interval * 0.8
