"""The loop around the engine: it ticks only with the lead, survives what is away, and counts what is late."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from evidence_world import START, make_release
from monitor_objects import component, experiment, rollout
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy.exc import OperationalError

from pawl_services.monitor.engine import Engine, Sighting
from pawl_services.monitor.export import EvidenceCollector
from pawl_services.monitor.header import Header
from pawl_services.monitor.kube import KubeError
from pawl_services.monitor.leader import Leader
from pawl_services.monitor.loop import Ticker
from pawl_services.monitor.metrics import MonitorMetrics
from pawl_services.monitor.views import View


class Lead(Leader):
    def __init__(self) -> None:
        self.term, self.held = 1, True

    def leading(self) -> bool:
        return self.held


class Recorder(Engine):
    """An engine that notes what it was told and shows one release."""

    def __init__(self) -> None:
        self.sightings: list[Sighting | None] = []
        self.forgotten = 0
        self.error: Exception | None = None
        self.skipped, self.failed = {}, {}  # type: ignore[assignment]
        self._tracks = {}

    def forget(self) -> None:
        self.forgotten += 1

    def tick(self, sighting: Sighting | None, expired: Callable[[], bool]) -> tuple[View, ...]:
        self.sightings.append(sighting)
        if self.error is not None:
            raise self.error
        return (View(Header.new(make_release()), {}, START / 1e6),)


class Api:
    """Lists one object of each kind; `error` is raised for `broken` kinds."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.broken = {"rollouts", "components", "experiments"}
        self.slow = 0.0

    async def list_all(self, plural: str, _: tuple[str, ...]) -> list[dict[str, Any]]:
        await asyncio.sleep(self.slow)
        if self.error is not None and plural in self.broken:
            raise self.error
        return {"rollouts": [rollout()], "components": [component()], "experiments": [experiment()]}[plural]


class Stage:
    def __init__(self, interval: float = 0.05) -> None:
        self.registry = CollectorRegistry()
        self.api, self.engine, self.lead = Api(), Recorder(), Lead()
        self.exported = EvidenceCollector(self.lead.leading)
        self.registry.register(self.exported)
        metrics = MonitorMetrics(self.registry)
        self.ticker = Ticker(self.api, self.engine, self.lead, self.exported, metrics, interval)

    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def exports(self) -> bool:
        return "pawl_evidence_" in self.text()

    def value(self, name: str) -> float:
        return self.registry.get_sample_value(name) or 0.0


async def test_nothing_is_exported_before_the_first_tick_or_without_the_lead() -> None:
    stage = Stage()
    assert not stage.exports()
    await stage.ticker.turn()
    assert stage.exports()
    stage.lead.held = False
    # At once, not only at the next tick.
    assert not stage.exports()
    await stage.ticker.turn()
    stage.lead.held = True
    assert not stage.exports()
    assert len(stage.engine.sightings) == 1


async def test_memory_of_an_earlier_term_is_dropped() -> None:
    stage = Stage()
    await stage.ticker.turn()
    await stage.ticker.turn()
    assert stage.engine.forgotten == 1
    stage.lead.term = 2
    stage.engine.error = OperationalError("x", None, Exception("away"))
    await stage.ticker.turn()
    assert stage.engine.forgotten == 2
    assert not stage.exports()


async def test_away_database_leaves_old_evidence_to_grow_old() -> None:
    stage = Stage()
    await stage.ticker.turn()
    stage.engine.error = OperationalError("x", None, Exception("away"))
    await stage.ticker.turn()
    assert stage.exports()
    assert stage.registry.get_sample_value("pawl_monitor_ticks_total", {"outcome": "failed"}) == 1


@pytest.mark.parametrize("error", [KubeError("GET: 503"), TimeoutError()])
async def test_silent_api_server_is_not_a_cluster_without_releases(error: Exception) -> None:
    stage = Stage()
    await stage.ticker.turn()
    stage.api.error = error
    await stage.ticker.turn()
    first, second = stage.engine.sightings
    assert first is not None
    assert [release.uid for release in first.live] == ["u1", "e1"]
    assert second is None


@pytest.mark.parametrize("broken", ["rollouts", "components", "experiments"])
async def test_half_a_list_ends_nothing(broken: str) -> None:
    stage = Stage()
    stage.api.error, stage.api.broken = KubeError("GET: 503"), {broken}
    await stage.ticker.turn()
    assert stage.engine.sightings == [None]


async def test_late_ticks_are_counted_and_not_made_up() -> None:
    stage = Stage(interval=0.02)
    stage.api.slow = 0.05
    stop, beats = asyncio.Event(), 0

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            stop.set()

    await asyncio.wait_for(stage.ticker.run(stop, beat), 20)
    assert len(stage.engine.sightings) == 3
    assert stage.value("pawl_monitor_missed_ticks_total") >= 3
    assert not stage.exports()
