"""Evidence for the whole fleet: one query to Prometheus for the monitor's gauges, one for the gateway's counters.

The source only reads and remembers. It never judges: what is missing, old or contradictory reaches `decide` as such.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from pawl.errors import EvidenceUnavailable
from pawl.evidence import ReleaseEvidence, parse_samples
from pawl.gateway import GatewayCounters
from pawl_operator.arm_samples import GATEWAY, SERVING, ArmSources, SampleRing, query_for
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.prometheus import Prometheus
from pawl_operator.settings import Settings

log = structlog.get_logger(__name__)
IDLE = 5.0
SHORTEST = 0.25
TARGETS_PER_QUERY = 50


@dataclass(frozen=True, slots=True)
class EvidenceTarget:
    """One Rollout with a release on its way: what to ask for, and how often."""

    uid: str
    release: int
    interval: timedelta
    lookback: timedelta
    arms: ArmSources | None
    """Where its counters are found; None: it has no arms yet."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about one Rollout, and since when."""

    release: ReleaseEvidence | None = None
    gateway: Mapping[str, GatewayCounters] | None = None
    """By arm; None: could not be read."""
    fresh_at: datetime | None = None
    clock_skew: timedelta = field(default=timedelta(0))


class EvidenceSource:
    """Polls at the shortest interval of any target; `enqueue(uid)` is called when a target is due or has news."""

    def __init__(
        self,
        settings: Settings,
        metrics: OperatorMetrics,
        targets: Callable[[], Sequence[EvidenceTarget]],
        enqueue: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._targets = targets
        self._enqueue = enqueue
        self._prometheus = (
            Prometheus(settings.prometheus_url, token_file=settings.prometheus_token_file)
            if settings.prometheus_url
            else None
        )
        self._exporter = GATEWAY if settings.gateway_metrics else SERVING
        self._ring = SampleRing(self._exporter)
        self._ring_until: datetime | None = None
        self._ring_targets: frozenset[str] = frozenset()
        self._releases: dict[str, ReleaseEvidence] = {}
        self._gateway: dict[str, Mapping[str, GatewayCounters]] = {}
        self._fresh_at: datetime | None = None
        self._gateway_fresh = False
        self._due: dict[str, float] = {}
        self._wake = asyncio.Event()

    @property
    def max_age(self) -> timedelta:
        """Return how old evidence may be: three scrapes or two ticks of the monitor."""
        return timedelta(seconds=max(3 * self._settings.scrape_interval, 2 * self._settings.monitor_tick))

    def about(self, uid: str) -> Evidence:
        """Return what is known about one Rollout now."""
        skew = self._prometheus.clock_skew if self._prometheus is not None else timedelta(0)
        return Evidence(self._releases.get(uid), self._gateway.get(uid), self._fresh_at, skew)

    def wake(self) -> None:
        """Look at the targets at once: a release may have begun."""
        self._wake.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                pause = await self._round()
                self._wake.clear()
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            await self.close()

    async def close(self) -> None:
        """Give back connections."""
        if self._prometheus is not None:
            await self._prometheus.close()

    async def _round(self) -> float:
        targets = self._targets()
        if not targets:
            self._due.clear()
            return IDLE
        now = asyncio.get_running_loop().time()
        known = {target.uid: self._due.get(target.uid, now) for target in targets}
        if min(known.values()) <= now:
            news = await self.poll(targets)
            now = asyncio.get_running_loop().time()
            for target in targets:
                if target.uid in news or known[target.uid] <= now:
                    known[target.uid] = now + max(SHORTEST, target.interval.total_seconds())
                    self._enqueue(target.uid)
        self._due = known
        return max(SHORTEST, min(known.values()) - now)

    async def poll(self, targets: Sequence[EvidenceTarget]) -> set[str]:
        """Ask once for all targets and return the uids for which something new was said."""
        before = dict(self._releases)
        if self._prometheus is None:
            return set()
        try:
            samples = await self._prometheus.instant(self._evidence_query())
        except EvidenceUnavailable as error:
            # What was known stays known and grows old; counters that could not be read must not look current.
            self._failed("evidence", error)
            self._gateway = {}
            return set()
        wanted = {target.uid: target.release for target in targets}
        self._releases = {uid: found for uid, found in parse_samples(samples, wanted).items() if uid in wanted}
        self._fresh_at = datetime.now(UTC)
        await self._poll_gateway(targets)
        self._export_age(wanted)
        return {uid for uid in wanted if self._releases.get(uid) != before.get(uid)}

    async def _poll_gateway(self, targets: Sequence[EvidenceTarget]) -> None:
        watched = [target for target in targets if target.arms is not None]
        without = {target.uid: dict[str, GatewayCounters]() for target in targets if target.arms is None}
        if self._prometheus is None or not watched:
            self._gateway = dict(without)
            return
        now = datetime.now(UTC)
        lookback = max(target.lookback for target in watched)
        window = self._window(watched, lookback, now)
        try:
            for start in range(0, len(watched), TARGETS_PER_QUERY):
                arms = [t.arms for t in watched[start : start + TARGETS_PER_QUERY] if t.arms is not None]
                query = query_for(self._exporter, arms, window, self._settings.prometheus_selector)
                news = await self._prometheus.raw(query)
                self._ring.add(news, now - window, timedelta(seconds=self._settings.scrape_interval))
        except EvidenceUnavailable as error:
            self._failed("gateway", error)
            self._gateway = {}
            return
        self._ring_until = now
        self._ring_targets = frozenset(target.uid for target in watched)
        self._ring.forget_before(now - lookback - self.max_age)
        found = self._ring.counters([t.arms for t in watched if t.arms is not None])
        self._gateway = without | dict(zip((target.uid for target in watched), found, strict=True))

    def _window(self, watched: Sequence[EvidenceTarget], lookback: timedelta, now: datetime) -> timedelta:
        """Return how far back to ask: only what is new, unless a target is new itself."""
        known = {target.uid for target in watched} <= self._ring_targets
        if not known or self._ring_until is None:
            return lookback
        return min(lookback, now - self._ring_until + self.max_age)

    def _evidence_query(self) -> str:
        extra = f",{self._settings.prometheus_selector}" if self._settings.prometheus_selector else ""
        return f'{{__name__=~"pawl_evidence_.+"{extra}}}'

    def _failed(self, what: str, error: EvidenceUnavailable) -> None:
        self._metrics.prometheus_errors.inc()
        log.warning("no evidence from Prometheus", query=what, error=str(error))

    def _export_age(self, wanted: Mapping[str, int]) -> None:
        now = datetime.now(UTC)
        ages = [
            (now - found.computed_at).total_seconds()
            for uid in wanted
            if (found := self._releases.get(uid)) is not None and found.computed_at is not None
        ]
        self._metrics.evidence_age.set(max(ages, default=0.0))
