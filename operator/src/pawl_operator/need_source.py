"""How many new examples each LearningLoop has: one query to Prometheus at every scrape, for all of them.

The source only reads and remembers. What is missing, old or contradictory reaches `decide` as such: an unanswered
question leaves what was known, which then grows old.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from pawl.errors import EvidenceUnavailable
from pawl.new_examples import PREFIX, NewExamples, parse_new_examples
from pawl_operator.kube.resources import Ref
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.prometheus import Prometheus
from pawl_operator.settings import Settings

log = structlog.get_logger(__name__)
IDLE = 5.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known about one LearningLoop, and since when."""

    examples: NewExamples | None = None
    """None: the monitor says nothing about it."""
    fresh_at: datetime | None = None
    """When Prometheus last answered; None: never."""
    asked_at: datetime | None = None
    """When it was last asked, whatever came of it; None: never."""


class NeedSource:
    """Polls while there are loops (`loops()`: by uid); `enqueue` gets each about which something else is said now."""

    def __init__(
        self,
        settings: Settings,
        metrics: OperatorMetrics,
        loops: Callable[[], Mapping[str, Ref]],
        enqueue: Callable[[Ref], object],
    ) -> None:
        self._settings, self._metrics = settings, metrics
        self._loops, self._enqueue = loops, enqueue
        url, token = settings.prometheus_url, settings.prometheus_token_file
        self._prometheus = Prometheus(url, token_file=token) if url else None
        self._known: Mapping[str, NewExamples] = {}
        self._fresh_at: datetime | None = None
        self._asked_at: datetime | None = None

    @property
    def max_age(self) -> timedelta:
        """Return how old a count may be: three scrapes or two ticks of the monitor."""
        return timedelta(seconds=max(3 * self._settings.scrape_interval, 2 * self._settings.monitor_tick))

    def about(self, uid: str) -> Reading:
        """Return what is known about one loop now."""
        return Reading(self._known.get(uid), self._fresh_at, self._asked_at)

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                loops = self._loops()
                if loops:
                    for uid in await self.poll(loops):
                        self._enqueue(loops[uid])
                await asyncio.sleep(self._settings.scrape_interval if loops else IDLE)
        finally:
            await self.close()

    async def poll(self, loops: Collection[str]) -> set[str]:
        """Ask once for all loops and return the uids of those about which something else is said now."""
        self._asked_at = datetime.now(UTC)
        if self._prometheus is None:
            return set()
        try:
            samples = await self._prometheus.instant(self._query())
        except EvidenceUnavailable as error:
            self._metrics.prometheus_errors.inc()
            log.warning("no count of new examples from Prometheus", error=str(error))
            return set()
        before, recovered = self._known, self._stale()
        self._known, self._fresh_at = parse_new_examples(samples), datetime.now(UTC)
        return {uid for uid in loops if recovered or _said(self._known.get(uid)) != _said(before.get(uid))}

    async def close(self) -> None:
        """Give back connections."""
        if self._prometheus is not None:
            await self._prometheus.close()

    def _stale(self) -> bool:
        return self._fresh_at is None or datetime.now(UTC) - self._fresh_at > self.max_age

    def _query(self) -> str:
        extra = f",{self._settings.prometheus_selector}" if self._settings.prometheus_selector else ""
        return f'{{__name__=~"{PREFIX}.+"{extra}}}'


def _said(examples: NewExamples | None) -> object:
    # When the monitor last looked is no news: it looks all the time.
    return None if examples is None else (examples.count, examples.flaw)
