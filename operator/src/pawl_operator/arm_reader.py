"""Reads what the arms of live releases were asked out of Prometheus: what is new, and for a new arm what was before.

Every sample of a step of days would be much to ask for (at 15 s, 17280 a series in three days), so only the last
minutes come as raw samples. What was before is read by instant queries at a few moments (`@`): the step's start, and
then ages that halve towards now. Prometheus looks up five minutes of samples for each, however long ago they are; a
step of thirty days takes thirteen of them, once, when the operator has restarted or an arm is new on the route.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pawl.gateway import GatewayCounters
from pawl_operator.arm_samples import ArmSources, Exporter, query_for, selector_for
from pawl_operator.prometheus import Prometheus, RawSeries
from pawl_operator.sample_ring import SampleRing

TARGETS_PER_QUERY = 50


@dataclass(frozen=True, slots=True)
class Watched:
    """The arms of one Rollout: every sample of the last `dense` is needed, and a few more back to `since`."""

    sources: ArmSources
    dense: timedelta
    since: datetime | None = None
    """None: no longer than `dense`."""


class ArmReader:
    """Remembers samples between two readings; `max_age` is how old the newest one of an arm may be."""

    def __init__(self, prometheus: Prometheus, exporter: Exporter, selector: str, max_age: timedelta) -> None:
        self._prometheus = prometheus
        self._exporter = exporter
        self._selector = selector
        self._max_age = max_age
        self._ring = SampleRing(exporter)
        self._known: frozenset[str] = frozenset()
        self._until: datetime | None = None

    async def read(self, wanted: Mapping[str, Watched]) -> dict[str, Mapping[str, GatewayCounters] | None]:
        """Return the counters by arm for each key of `wanted`; None: an arm with traffic that nobody scrapes.

        Raises:
            EvidenceUnavailable: Prometheus gave no usable answer.
        """
        now = datetime.now(UTC)
        dense = max((one.dense for one in wanted.values()), default=timedelta(0))
        await self._ask(list(wanted.values()), dense, now)
        self._known = frozenset(value for one in wanted.values() for value in one.sources.values())
        self._until = now
        self._ring.keep(self._starts(wanted.values(), now), now - dense - self._max_age, now)
        found = self._ring.counters(one.sources for one in wanted.values())
        return {
            key: counters if self._exported(one.sources, now) else None
            for (key, one), counters in zip(wanted.items(), found, strict=True)
        }

    async def _ask(self, wanted: list[Watched], dense: timedelta, now: datetime) -> None:
        new = [one for one in wanted if not self._known.issuperset(one.sources.values())]
        for one in new:
            await self._ask_past(one, now)
        ask_all = bool(new) or self._until is None
        window = dense if ask_all or self._until is None else min(dense, now - self._until + self._max_age)
        for start in range(0, len(wanted), TARGETS_PER_QUERY):
            sources = [one.sources for one in wanted[start : start + TARGETS_PER_QUERY]]
            query = query_for(self._exporter, sources, window, self._selector)
            self._ring.add(await self._prometheus.raw(query))

    async def _ask_past(self, one: Watched, now: datetime) -> None:
        query = selector_for(self._exporter, [one.sources], self._selector)
        samples: dict[tuple[str, frozenset[tuple[str, str]]], list[tuple[datetime, float]]] = defaultdict(list)
        for at in moments(one.since, one.dense, now):
            for sample in await self._prometheus.at(query, at):
                samples[sample.name, frozenset(sample.labels.items())].append((at, sample.value))
        self._ring.add([RawSeries(name, dict(labels), tuple(found)) for (name, labels), found in samples.items()])

    def _exported(self, sources: ArmSources, now: datetime) -> bool:
        newest = [self._ring.newest(values) for arm, values in sources.arms if arm in sources.serving]
        return all(at is not None and now - at <= self._max_age for at in newest)

    def _starts(self, wanted: Iterable[Watched], now: datetime) -> dict[str, datetime]:
        starts: dict[str, datetime] = {}
        for one in wanted:
            # A step that has just begun has no scrape of its own yet; that the arm is scraped shows in the one before.
            since = min(one.since or now - one.dense, now - self._max_age)
            starts |= {value: min(since, starts.get(value, since)) for value in one.sources.values()}
        return starts


def moments(since: datetime | None, dense: timedelta, now: datetime) -> list[datetime]:
    """Return when to look before the last `dense`: at `since`, then at half the age each time; empty if it is later."""
    if since is None or now - since <= dense:
        return []
    found, age = [], 2 * dense
    while now - age > since:
        found.append(now - age)
        age *= 2
    return [since, *reversed(found)]
