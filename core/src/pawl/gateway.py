"""Requests, errors and latencies of one arm, read from the gateway's counters and differenced here.

A scraped counter restarts at zero when its process does, and it may be exposed by several proxies. So the operator
hands over the raw samples of each exposed series, and the difference over a window is taken here, with resets
handled, where it can be tested.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class CounterSeries:
    """Raw samples of one counter of one proxy, oldest first: (time, value), values finite and >= 0."""

    samples: tuple[tuple[datetime, float], ...]

    def increase(self, since: datetime) -> float:
        """Return the growth after ``since``; a fall is a restart from zero."""
        kept = self._from(since)
        return sum(later - earlier if later >= earlier else later for (_, earlier), (_, later) in pairwise(kept))

    def first_growth(self, since: datetime) -> datetime | None:
        """Return the time of the first sample after ``since`` that shows growth, if any."""
        for (_, earlier), (at, later) in pairwise(self._from(since)):
            if later > earlier or 0 < later < earlier:
                return at
        return None

    def span(self, since: datetime) -> timedelta:
        """Return how much of the time after ``since`` the samples cover."""
        kept = self._from(since)
        return kept[-1][0] - kept[0][0] if kept else timedelta(0)

    def _from(self, since: datetime) -> tuple[tuple[datetime, float], ...]:
        return self.samples[bisect_left(self.samples, since, key=lambda sample: sample[0]) :]


@dataclass(frozen=True, slots=True)
class GatewayCounters:
    """One arm's counters at the gateway: all requests, the failed ones, and cumulative latency buckets.

    ``buckets`` maps an upper edge in seconds (``inf`` for the last) to the series of cumulative counts, one per
    proxy. An arm that nobody asked yet has empty tuples; that is "no requests". "No metrics" is another thing, which
    whoever reads the samples has to tell apart, for a counter that was never raised is not exposed.
    """

    requests: tuple[CounterSeries, ...] = ()
    errors: tuple[CounterSeries, ...] = ()
    buckets: Mapping[float, tuple[CounterSeries, ...]] = field(default_factory=dict)

    def requests_since(self, since: datetime) -> float:
        """Return the number of requests after ``since``."""
        return sum(series.increase(since) for series in self.requests)

    def errors_since(self, since: datetime) -> float:
        """Return the number of failed requests (5xx and those that got no answer) after ``since``."""
        return sum(series.increase(since) for series in self.errors)

    def first_error(self, since: datetime) -> datetime | None:
        """Return when the first failed request after ``since`` was seen, if any."""
        seen = [at for series in self.errors if (at := series.first_growth(since)) is not None]
        return min(seen, default=None)

    def covered(self, since: datetime) -> timedelta:
        """Return the longest stretch after ``since`` for which one proxy's samples speak."""
        return max((series.span(since) for series in self.requests), default=timedelta(0))

    def quantile_since(self, quantile: float, since: datetime) -> float | None:
        """Return the latency quantile in seconds after ``since``, from merged buckets, or None without requests.

        Linear within a bucket; a quantile in the last, open bucket is that bucket's lower edge (a lower bound).
        """
        counts = sorted((edge, sum(s.increase(since) for s in series)) for edge, series in self.buckets.items())
        total = counts[-1][1] if counts else 0.0
        if total <= 0:
            return None
        rank, lower_edge, lower_count = quantile * total, 0.0, 0.0
        for edge, count in counts:
            if count >= rank and count > lower_count:
                share = (rank - lower_count) / (count - lower_count)
                return lower_edge if edge == float("inf") else lower_edge + (edge - lower_edge) * share
            lower_edge, lower_count = edge, max(count, lower_count)
        return lower_edge
