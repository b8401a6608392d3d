"""Puts the parts together: one HTTP process with two tasks, the election and the ticks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from sqlalchemy.exc import SQLAlchemyError

from pawl_services.db.engine import Database
from pawl_services.monitor.engine import Engine
from pawl_services.monitor.export import EvidenceCollector
from pawl_services.monitor.kube import KubeApi
from pawl_services.monitor.leader import Leader
from pawl_services.monitor.learning import LearningLoops
from pawl_services.monitor.loop import Ticker
from pawl_services.monitor.metrics import MonitorMetrics
from pawl_services.monitor.settings import MonitorSettings
from pawl_services.web.health import Health, Heartbeat
from pawl_services.web.server import create_app
from pawl_services.web.tasks import watched_task

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
        learning = LearningLoops(api, database, leader, settings.namespaces)
        registry.register(learning)
        ticker = Ticker(api, engine, leader, exported, metrics, settings.tick, settings.namespaces, learning.turn)
        stop = asyncio.Event()
        tasks = [
            watched_task(leader.run(stop, electing.beat), "election", health),
            watched_task(ticker.run(stop, ticking.beat), "ticks", health),
        ]
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait(tasks, timeout=STOP_WITHIN)
            await api.close()

    return create_app("Pawl monitor", health, registry, lifespan)


def _database_answers(database: Database) -> str | None:
    try:
        database.ping()
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__})"
    return None
