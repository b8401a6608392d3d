"""Puts the parts together: one HTTP process with two tasks, the election and the ticks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from sqlalchemy.exc import SQLAlchemyError

from pawl_services.db.engine import Database
from pawl_services.monitor.engine import Engine
from pawl_services.monitor.export import EvidenceCollector
from pawl_services.monitor.kube import KubeApi
from pawl_services.monitor.leader import Leader
from pawl_services.monitor.loop import Ticker
from pawl_services.monitor.metrics import MonitorMetrics
from pawl_services.monitor.settings import MonitorSettings
from pawl_services.web.health import Health, Heartbeat
from pawl_services.web.server import create_app

_log = structlog.get_logger(__name__)
STOP_WITHIN = 10.0


def build(settings: MonitorSettings, database: Database, health: Health) -> FastAPI:
    """The application; its lifespan runs the tasks and ends them, giving the Lease back."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    metrics = MonitorMetrics(registry)
    ticking = Heartbeat(max(60.0, 10 * settings.tick))
    electing = Heartbeat(max(60.0, 4 * settings.lease.duration))
    health.live |= {"ticks": ticking, "election": electing}
    health.ready["database"] = lambda: asyncio.to_thread(_database_answers, database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        api = KubeApi(settings.api)
        leader = Leader(api, settings.lease_namespace, settings.lease_name, settings.pod_name, settings.lease)
        health.ready["lease"] = leader.unheard
        exported = EvidenceCollector(leader.leading)
        registry.register(exported)
        engine = Engine(database, leading=leader.leading)
        ticker = Ticker(api, engine, leader, exported, metrics, settings.tick, settings.namespaces)
        stop = asyncio.Event()
        tasks = [
            _task(leader.run(stop, electing.beat), "election", health),
            _task(ticker.run(stop, ticking.beat), "ticks", health),
        ]
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait(tasks, timeout=STOP_WITHIN)
            await api.close()

    return create_app("Pawl monitor", health, registry, lifespan)


def _task(work: Coroutine[Any, Any, None], name: str, health: Health) -> asyncio.Task[None]:
    """Run `work`; when it ends with an error the process is no longer alive and says so."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("task ended", task=name, exc_info=task.exception())
            health.live[name] = _always(f"task {name} ended with {type(task.exception()).__name__}")

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(ended)
    return task


def _always(sentence: str) -> Callable[[], str]:
    return lambda: sentence


def _database_answers(database: Database) -> str | None:
    try:
        database.ping()
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__})"
    return None
