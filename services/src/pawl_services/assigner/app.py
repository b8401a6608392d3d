"""Puts the parts together: one HTTP process, and a task for each watch."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from pawl_services.assigner.check import Checks
from pawl_services.assigner.metrics import AssignerMetrics
from pawl_services.assigner.ofrep import ofrep_routes
from pawl_services.assigner.settings import AssignerSettings
from pawl_services.assigner.table import Table
from pawl_services.kube.client import KubeClient
from pawl_services.kube.reflector import LIST_SECONDS, Pace, Reflector
from pawl_services.web.auth import ApiKeys
from pawl_services.web.health import Health, Heartbeat
from pawl_services.web.server import create_app
from pawl_services.web.tasks import watched_task

PAGE = 50
"""Rollouts read at once: while a page is parsed no check is answered, and gateways wait for 200 ms at most."""


def build(settings: AssignerSettings, keys: ApiKeys, health: Health) -> Checks:
    """The application; its lifespan runs the watches."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    metrics = AssignerMetrics(registry)
    table = Table(metrics)
    watches: list[Reflector] = []
    metrics.watch(lambda: max((one.age() for one in watches), default=float("inf")), lambda: _synced(watches))
    health.ready["rollouts"] = lambda: None if _synced(watches) else "not all Rollouts have been listed yet"

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with KubeClient(settings.api) as client:
            scopes = settings.namespaces or ("",)
            watches.extend(Reflector(client, "rollouts", scope, table, settings.pace, PAGE) for scope in scopes)
            tasks = [_follow(watch, settings.pace, health, place) for place, watch in enumerate(watches)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    app = create_app("Pawl assigner", health, registry, lifespan)
    app.include_router(ofrep_routes(table, keys))

    @app.get("/v1/assignments", summary="What this replica assigns")
    async def assignments() -> dict[str, object]:
        listed = [
            {"namespace": seen.namespace, "rollout": seen.name, "generation": assigned.generation}
            for seen, assigned in table.assigned()
        ]
        return {"assignments": listed, "synced": _synced(watches)}

    return Checks(app, table, metrics, health)


def _synced(watches: Sequence[Reflector]) -> bool:
    return bool(watches) and all(watch.synced for watch in watches)


def _follow(watch: Reflector, pace: Pace, health: Health, place: int) -> asyncio.Task[None]:
    name = f"watch-{place}"
    # The longest that may pass in silence while all is well: a whole list, or a watch and the pause before it.
    beat = Heartbeat(2 * max(LIST_SECONDS, pace.watch + pace.patience + pace.longest_pause))
    health.live[name] = beat
    return watched_task(watch.run(beat.beat), name, health)
