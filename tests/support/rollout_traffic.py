"""People who use the product of a `RolloutCluster`, and what monitor, gateway and Prometheus make of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollout_cluster import START, RolloutCluster

from pawl.evidence import MetricEvidence, ReleaseEvidence
from pawl.gateway import CounterSeries, GatewayCounters
from pawl.stats.ratio import PairedDifference, RatioSums
from pawl_operator.kinds.rollout.draft import LIVE

ARMS = ("candidate", "stable")
Samples = list[tuple[datetime, float]]


@dataclass
class Counters:
    """Users and answers of one (release, step), and what of them is in a closed batch."""

    candidate: float = 0.0
    stable: float = 0.0
    pairs: float = 0.0
    batch: int = 0
    closed: tuple[int, int, int] = (0, 0, 0)


@dataclass(kw_only=True)
class MeasuredCluster(RolloutCluster):
    """A cluster with users; time passes in `advance`."""

    users_per_hour: float = 100.0
    batch_every: timedelta = timedelta(hours=1)
    accuracy: dict[str, float] = field(default_factory=dict)
    """By revision; 0.9 where nothing is said."""
    error_rate: dict[str, float] = field(default_factory=dict)
    prometheus_up: bool = True
    monitor_up: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.counts: dict[tuple[int, int], Counters] = {}
        self.requests: dict[str, Samples] = {arm: [] for arm in ARMS}
        self.errors: dict[str, Samples] = {arm: [] for arm in ARMS}
        self.fresh_at: datetime | None = self.now
        self.looked_at: datetime | None = None
        self.next_batch = self.now + self.batch_every

    def advance(self, span: timedelta) -> None:
        """Let time pass and people use the product; the operator does not run meanwhile."""
        end = self.now + span
        while self.now < end:
            nearest = min(end, max(self.next_batch, self.now + timedelta(milliseconds=1)))
            self._serve(nearest - self.now)
            self.now = nearest
            if self.now >= self.next_batch:
                self._close_batches()
                self.next_batch = self.now + self.batch_every
        self.scrape()

    def evidence(self) -> ReleaseEvidence | None:
        """What the monitor exports, as last scraped."""
        release = self.status.release
        if release is None or self.looked_at is None:
            return None
        metrics = tuple(
            self._metric(step, counts)
            for (number, step), counts in sorted(self.counts.items())
            if number == release.number and counts.batch
        )
        return ReleaseEvidence("uid-1", release.number, metrics, (), self.looked_at, START, 12, 34)

    def gateway(self) -> dict[str, GatewayCounters]:
        """The gateway's counters, as scraped."""
        return {
            arm: GatewayCounters((CounterSeries(tuple(self.requests[arm])),), (CounterSeries(tuple(self.errors[arm])),))
            for arm in ARMS
        }

    def scrape(self) -> None:
        """Let Prometheus read everything now, if it is there."""
        if not self.prometheus_up:
            return
        self.fresh_at = self.now
        if self.monitor_up:
            self.looked_at = self.now
        for arm in ARMS:
            self._count(arm)

    def _count(self, arm: str) -> None:
        revision = next((b.revision for b in self.backends if b.arm == arm), "") or ""
        share = self.candidate_weight if arm == "candidate" else 100 - self.candidate_weight
        last = self.requests[arm][-1] if self.requests[arm] else (self.now - timedelta(seconds=1), 0.0)
        seconds = (self.now - last[0]).total_seconds()
        if seconds > 0:
            new = 10 * seconds * share / 100
            failed = self.errors[arm][-1][1] if self.errors[arm] else 0.0
            self.requests[arm] = [*self.requests[arm][-200:], (self.now, last[1] + new)]
            bad = new * self.error_rate.get(revision, 0.0)
            self.errors[arm] = [*self.errors[arm][-200:], (self.now, failed + bad)]

    def _serve(self, span: timedelta) -> None:
        release = self.status.release
        if release is None or release.state not in LIVE or release.step == 0:
            return
        users, share = self.users_per_hour * span.total_seconds() / 3600, self.candidate_weight / 100
        step = next((b.step for b in self.backends if b.arm == "candidate"), 0)
        if step:
            counts = self.counts.setdefault((release.number, step), Counters())
            counts.candidate += users * share
            counts.stable += users * (1 - share)
            counts.pairs += users if self.mirrors else 0.0

    def _close_batches(self) -> None:
        if not self.monitor_up:
            return
        for counts in self.counts.values():
            closed = (int(counts.candidate), int(counts.stable), int(counts.pairs))
            if closed != counts.closed:
                counts.closed, counts.batch = closed, counts.batch + 1

    def _metric(self, step: int, counts: Counters) -> MetricEvidence:
        release = self.status.release
        assert release is not None
        previous = release.previous
        good = self.accuracy.get(release.revision, 0.9)
        base = self.accuracy.get(previous.revision if previous else "", 0.9)
        candidate, stable, pairs = counts.closed
        arms = {"candidate": _arm(candidate, good), "stable": _arm(stable, base)}
        spread = abs(good - base) * (1 - abs(good - base)) + 0.02
        paired = PairedDifference(pairs, good - base, pairs * spread) if pairs > 1 else None
        return MetricEvidence("accuracy", step, counts.batch, self.now, self.looked_at, arms, paired, label_rate=50.0)


def _arm(users: int, ratio: float) -> RatioSums:
    return RatioSums(users, ratio, users * ratio * (1 - ratio), 1.0, 0.0, 0.0)
