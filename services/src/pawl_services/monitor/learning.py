"""How many new examples each LearningLoop has: counted at every tick, exported as gauges; it keeps nothing else."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from pawl.api.component import Component
from pawl.new_examples import COMPUTED, COUNT, UID
from pawl_services.db.engine import Database
from pawl_services.db.examples import Span, count_given
from pawl_services.monitor.kube import KubeError
from pawl_services.monitor.leader import Leader
from pawl_services.monitor.loop import LIST_WITHIN, ListApi

KIND = "LearningLoop"
LABELS = ("object_namespace", "object_kind", "object", UID)
HELP = {
    COUNT: "Interactions that may be learned from whose true answer was received after the loop last learned.",
    COMPUTED: "When the loop was last read, and then counted for.",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loop:
    """What is counted for one LearningLoop. `learned_until` in microseconds, 0 where it has never learned."""

    namespace: str
    name: str
    uid: str
    component: str
    rules: Mapping[str, str]
    learned_until: int

    def span(self, watermark: int) -> Span:
        """The examples that are new to it."""
        return Span(self.namespace, self.component, self.learned_until, watermark, self.rules)


@dataclass(frozen=True, slots=True)
class Counted:
    """New examples of a loop, as it was at `computed_at` (seconds since 1970)."""

    loop: Loop
    examples: int
    computed_at: float


class LearningLoops(Collector):
    """Counts while this process leads. What could not be listed or counted keeps its value, and its age shows."""

    def __init__(
        self,
        api: ListApi,
        database: Database,
        leader: Leader,
        namespaces: tuple[str, ...] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._api, self._database, self._leader = api, database, leader
        self._namespaces, self._wall = namespaces, wall
        self._counted: Sequence[Counted] = ()
        self._term = 0

    async def turn(self) -> None:
        """List the loops and count for each of them."""
        if self._term != self._leader.term:
            self._counted, self._term = (), self._leader.term
        # The moment before the list: a loop that learns while we count must not take the count for a new one.
        at = self._wall()
        try:
            async with asyncio.timeout(LIST_WITHIN):
                loops = await self._api.list_all("learningloops", self._namespaces)
                components = await self._api.list_all("components", self._namespaces) if loops else []
            self._counted = await asyncio.to_thread(self._count, tuple(loops_of(loops, components)), at)
        except (KubeError, TimeoutError) as error:
            _log.warning("learning loops not listed, counts grow old", reason=str(error) or "no answer in time")
        except SQLAlchemyError as error:
            _log.warning("examples not counted, counts grow old", error=type(error).__name__)

    def _count(self, loops: Iterable[Loop], at: float) -> list[Counted]:
        watermark = self._database.watermark()
        with self._database.read() as connection:
            return [Counted(loop, count_given(connection, loop.span(watermark)), at) for loop in loops]

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing to announce: what there is depends on the loops."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Both gauges of every loop, or none when this process does not lead."""
        counted = self._counted
        if not counted or not self._leader.leading() or self._term != self._leader.term:
            return
        for gauge, text in HELP.items():
            family = GaugeMetricFamily(gauge, text, labels=LABELS)
            for one in counted:
                whose = [one.loop.namespace, KIND, one.loop.name, one.loop.uid]
                family.add_metric(whose, one.examples if gauge == COUNT else one.computed_at)
            yield family


def loops_of(loops: Iterable[Mapping[str, Any]], components: Iterable[Mapping[str, Any]]) -> Iterator[Loop]:
    """What is counted for whom; of a loop that cannot be read, or whose Component cannot, nothing is said."""
    rules = dict(_label_rules(components))
    for item in loops:
        metadata, spec, status = (item.get(part) or {} for part in ("metadata", "spec", "status"))
        namespace, component = str(metadata.get("namespace", "")), str(spec.get("component", ""))
        try:
            learned_until = _micros(status.get("learnedUntil"))
            yield Loop(
                namespace, metadata["name"], metadata["uid"], component, rules[namespace, component], learned_until
            )
        except (KeyError, ValueError) as error:
            name, reason = metadata.get("name"), f"{type(error).__name__}: {error}"
            _log.warning("learning loop not counted for", object=name, namespace=namespace, reason=reason)


def _label_rules(components: Iterable[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str], Mapping[str, str]]]:
    for item in components:
        try:
            component = Component.from_cluster(item)
        except ValidationError:
            # The look at the releases, which need it as well, says what is wrong with it.
            continue
        key = component.metadata.namespace or "default", component.metadata.name
        yield key, {rule.kind: rule.truth for rule in component.spec.labels}


def _micros(moment: object) -> int:
    """Microseconds of an RFC 3339 time, 0 for none; ValueError for anything else."""
    if moment is None:
        return 0
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    if found is None or found.tzinfo is None:
        raise ValueError(f"status.learnedUntil {moment!r} is no time with a zone")
    return (found - _EPOCH) // timedelta(microseconds=1)
