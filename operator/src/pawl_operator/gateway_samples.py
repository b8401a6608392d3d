"""Raw samples of the gateway's per-arm clusters, kept for as long as a hard limit looks back. Pure, in memory.

After a restart the first query asks for the whole look-back, so nothing is lost; later ones ask for what is new.
"""

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pawl.gateway import CounterSeries, GatewayCounters
from pawl_operator.prometheus import RawSeries

REQUESTS = "envoy_cluster_upstream_rq_xx"
BUCKETS = "envoy_cluster_upstream_rq_time_bucket"
MILLISECONDS = 1000.0
SeriesKey = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class RuleClusters:
    """Where a route rule's clusters are found: their common name, and the arm of each backend by its place."""

    namespace: str
    route: str
    rule: int
    arms: tuple[str, ...]

    def cluster(self, place: int) -> str:
        """Return the gateway's name for one backendRef's cluster."""
        return f"httproute/{self.namespace}/{self.route}/rule/{self.rule}/backend/{place}"

    def pattern(self) -> str:
        """Return a regular expression for the clusters of our arms."""
        places = "|".join(str(place) for place in range(len(self.arms)))
        return f"{re.escape(self.cluster(0)[:-1])}({places})"


def query_for(rules: Iterable[RuleClusters], window: timedelta, selector: str) -> str:
    """Return the range selector that reads requests and latency buckets of all `rules` over `window`."""
    clusters = "|".join(rule.pattern() for rule in rules).replace("\\", "\\\\")
    extra = f",{selector}" if selector else ""
    seconds = max(1, math.ceil(window.total_seconds()))
    return f'{{__name__=~"{REQUESTS}|{BUCKETS}",envoy_cluster_name=~"{clusters}"{extra}}}[{seconds}s]'


class SampleRing:
    """Samples by cluster and series, merged by time and forgotten when they are too old."""

    def __init__(self) -> None:
        self._clusters: dict[str, dict[SeriesKey, list[tuple[datetime, float]]]] = {}
        self._newborn: set[SeriesKey] = set()

    def add(self, news: Sequence[RawSeries], asked_since: datetime, scrape: timedelta) -> None:
        """Merge the answer to a question about the time after `asked_since`, scraped every `scrape`.

        Samples that are known already are skipped, those not finite are dropped.
        """
        for series in news:
            fresh = [(at, value) for at, value in series.samples if math.isfinite(value) and value >= 0]
            if not fresh:
                continue
            shelf = self._clusters.setdefault(series.labels.get("envoy_cluster_name", ""), {})
            key = (series.name, frozenset(series.labels.items()))
            if key not in shelf and fresh[0][0] > asked_since + 1.5 * scrape:
                self._newborn.add(key)
            ring = shelf.setdefault(key, [])
            ring.extend(sample for sample in fresh if not ring or sample[0] > ring[-1][0])

    def forget_before(self, oldest: datetime) -> None:
        """Drop samples before `oldest`, and series and clusters that have none left."""
        for cluster, shelf in list(self._clusters.items()):
            kept = {key: [sample for sample in ring if sample[0] >= oldest] for key, ring in shelf.items()}
            self._newborn -= {key for key, ring in kept.items() if len(ring) < len(shelf[key])}
            self._clusters[cluster] = {key: ring for key, ring in kept.items() if ring}
            if not self._clusters[cluster]:
                del self._clusters[cluster]

    def counters(self, rules: Iterable[RuleClusters]) -> list[Mapping[str, GatewayCounters]]:
        """Return requests, errors and latencies of each arm, by arm, for each of `rules`."""
        scrapes = self._scrapes()
        return [
            {arm: self._arm(rule.cluster(place), scrapes) for place, arm in enumerate(rule.arms) if arm}
            for rule in rules
        ]

    def _arm(self, cluster: str, scrapes: Mapping[str, list[datetime]]) -> GatewayCounters:
        requests, errors = [], []
        buckets: dict[float, list[CounterSeries]] = defaultdict(list)
        for (name, items), ring in self._clusters.get(cluster, {}).items():
            labels = dict(items)
            earlier = scrapes[_proxy(labels)] if (name, items) in self._newborn else ()
            series = CounterSeries(_from_zero(ring, earlier))
            if name == REQUESTS:
                requests.append(series)
                if labels.get("envoy_response_code_class") == "5":
                    errors.append(series)
            elif name == BUCKETS and (edge := _edge(labels.get("le", ""))) is not None:
                buckets[edge].append(series)
        return GatewayCounters(tuple(requests), tuple(errors), {edge: tuple(found) for edge, found in buckets.items()})

    def _scrapes(self) -> Mapping[str, list[datetime]]:
        times: dict[str, set[datetime]] = defaultdict(set)
        for shelf in self._clusters.values():
            for (_, items), ring in shelf.items():
                times[_proxy(dict(items))].update(at for at, _ in ring)
        return {proxy: sorted(found) for proxy, found in times.items()}


def _from_zero(
    ring: Sequence[tuple[datetime, float]], scrapes: Sequence[datetime]
) -> tuple[tuple[datetime, float], ...]:
    # A proxy exposes a counter only from its first increment on. If the same proxy was scraped before, that earlier
    # scrape stands for zero; otherwise the first errors of a fresh candidate would not count.
    place = bisect_left(scrapes, ring[0][0])
    return ((scrapes[place - 1], 0.0), *ring) if place else tuple(ring)


def _proxy(labels: Mapping[str, str]) -> str:
    return f"{labels.get('instance', '')}/{labels.get('pod', '')}"


def _edge(text: str) -> float | None:
    try:
        return float(text) / MILLISECONDS
    except ValueError:
        return None
