"""Puts a model server together from its parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from pawl_services.modelserver.host import ModelHost
from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.pool import PredictionPool
from pawl_services.modelserver.reporter import PredictionReporter
from pawl_services.modelserver.routes import ModelServer, model_routes
from pawl_services.modelserver.settings import ModelServerSettings
from pawl_services.web.health import Health
from pawl_services.web.server import create_app


@dataclass(frozen=True)
class Assembly:
    """The application with the parts that the process asks after its end."""

    app: FastAPI
    health: Health
    host: ModelHost
    pool: PredictionPool


def assemble(settings: ModelServerSettings, registry: CollectorRegistry, stop: Callable[[], None]) -> Assembly:
    """Build the application; it loads its model once it runs, and calls `stop` when that fails."""
    metrics = ModelMetrics.on(registry, settings.component, settings.revision)
    host = ModelHost(settings, metrics, stop)
    pool = PredictionPool(settings.limits)
    client = httpx.AsyncClient()
    reporter = PredictionReporter(settings.collector, metrics, client) if settings.collector else None
    metrics.running.labels(settings.component, settings.revision).set_function(lambda: pool.running)
    metrics.waiting.labels(settings.component, settings.revision).set_function(lambda: pool.waiting)
    health = Health(live={"predictions": pool.stuck}, ready={"model": host.ready})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if reporter is not None:
            reporter.start()
        loading = asyncio.create_task(host.load(), name="model-loader")
        yield
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        if reporter is not None:
            await reporter.close()
        pool.close()
        await client.aclose()

    app = create_app("Pawl model server", health, registry, lifespan)
    app.include_router(model_routes(ModelServer(settings, host, pool, metrics, reporter), settings, health))
    return Assembly(app, health, host, pool)
