"""Evidence for the whole fleet: one query to Prometheus for the monitor's gauges, one for the gateway's counters.

Both are asked at every scrape, for what was read longer ago than three scrapes counts as lost; an object is looked at
when its own interval is over or the monitor has closed another batch. The source only reads and remembers. It never
judges: what is missing, old or contradictory reaches `decide` as such.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from pawl.errors import EvidenceUnavailable
from pawl.evidence import ReleaseEvidence, parse_samples
from pawl.gateway import GatewayCounters
from pawl_operator.arm_reader import ArmReader, Watched
from pawl_operator.arm_samples import GATEWAY, SERVING, ArmSources
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.prometheus import Prometheus
from pawl_operator.settings import Settings

log = structlog.get_logger(__name__)
IDLE = 5.0
SHORTEST = 0.25


@dataclass(frozen=True, slots=True)
class EvidenceTarget:
    """A Rollout with a release on its way, or an Experiment: what to ask for, and how often."""

    uid: str
    release: int
    interval: timedelta
    lookback: timedelta
    arms: ArmSources | None
    """Where its counters are found; None: it has no arms yet."""
    since: datetime | None = None
    """From when on its candidate's requests count, where that is longer ago than `lookback`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about one Rollout or Experiment, and since when."""

    release: ReleaseEvidence | None = None
    gateway: Mapping[str, GatewayCounters] | None = None
    """By arm; None: they could not be read, or nothing exports an arm that has traffic."""
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
        self._arms = self._reader()
        self._releases: dict[str, ReleaseEvidence] = {}
        self._gateway: dict[str, Mapping[str, GatewayCounters] | None] = {}
        self._fresh_at: datetime | None = None
        self._due: dict[str, float] = {}
        self._poll_due = 0.0
        self._wake = asyncio.Event()

    @property
    def max_age(self) -> timedelta:
        """Return how old evidence may be: three scrapes or two ticks of the monitor."""
        return timedelta(seconds=max(3 * self._settings.scrape_interval, 2 * self._settings.monitor_tick))

    def about(self, uid: str) -> Evidence:
        """Return what is known about one Rollout or Experiment now."""
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
        if min(self._poll_due, *known.values()) <= now:
            news = await self.poll(targets)
            now = asyncio.get_running_loop().time()
            self._poll_due = now + self._settings.scrape_interval
            for target in targets:
                if target.uid in news or known[target.uid] <= now:
                    known[target.uid] = now + max(SHORTEST, target.interval.total_seconds())
                    self._enqueue(target.uid)
        self._due = known
        return max(SHORTEST, min(self._poll_due, *known.values()) - now)

    async def poll(self, targets: Sequence[EvidenceTarget]) -> set[str]:
        """Ask once for all targets and return the uids about which the monitor says something new."""
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
        return {uid for uid in wanted if _said(self._releases.get(uid)) != _said(before.get(uid))}

    def _reader(self) -> ArmReader | None:
        if self._prometheus is None:
            return None
        exporter = GATEWAY if self._settings.gateway_metrics else SERVING
        return ArmReader(self._prometheus, exporter, self._settings.prometheus_selector, self.max_age)

    async def _poll_gateway(self, targets: Sequence[EvidenceTarget]) -> None:
        if self._arms is None:
            return
        watched = {
            target.uid: Watched(target.arms, target.lookback, target.since)
            for target in targets
            if target.arms is not None
        }
        try:
            found = await self._arms.read(watched)
        except EvidenceUnavailable as error:
            self._failed("gateway", error)
            self._gateway = {}
            return
        self._gateway = {target.uid: {} for target in targets} | found

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


def _said(evidence: ReleaseEvidence | None) -> object:
    # When the monitor last looked is no news: it looks all the time.
    if evidence is None:
        return None
    return {(one.metric, one.step, one.batch) for one in evidence.metrics}, evidence.dropped
