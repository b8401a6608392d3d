"""Raw request and latency samples of each arm, kept for as long as a hard limit looks back. Pure, in memory.

They come from the gateway's cluster of each backendRef or, where the gateway is not scraped, from the model servers
themselves (which say nothing once they are dead). After a restart the first question asks for the whole look-back,
so nothing is lost; later ones ask for what is new.
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

SeriesKey = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Exporter:
    """How one kind of exporter names its counters."""

    requests: str
    buckets: str
    label: str
    """The label whose value tells arms apart."""
    code_label: str
    """The label with the response code or its first digit."""
    edges_per_second: float
    """Unit of the bucket edges."""


GATEWAY = Exporter(
    requests="envoy_cluster_upstream_rq_xx",
    buckets="envoy_cluster_upstream_rq_time_bucket",
    label="envoy_cluster_name",
    code_label="envoy_response_code_class",
    edges_per_second=1000.0,
)
SERVING = Exporter(
    requests="pawl_modelserver_requests_total",
    buckets="pawl_modelserver_request_seconds_bucket",
    label="revision",
    code_label="code",
    edges_per_second=1.0,
)


@dataclass(frozen=True, slots=True)
class ArmSources:
    """The label values under which each arm of one Rollout is found, as (arm, values)."""

    arms: tuple[tuple[str, tuple[str, ...]], ...]

    def values(self) -> tuple[str, ...]:
        """Return all label values."""
        return tuple(value for _, values in self.arms for value in values)


def cluster_name(namespace: str, route: str, rule: int, place: int) -> str:
    """Return the gateway's name for the cluster of one backendRef."""
    return f"httproute/{namespace}/{route}/rule/{rule}/backend/{place}"


def query_for(exporter: Exporter, sources: Iterable[ArmSources], window: timedelta, selector: str) -> str:
    """Return the range selector that reads requests and latency buckets of all `sources` over `window`."""
    found = "|".join(re.escape(value) for source in sources for value in source.values()).replace("\\", "\\\\")
    extra = f",{selector}" if selector else ""
    seconds = max(1, math.ceil(window.total_seconds()))
    return f'{{__name__=~"{exporter.requests}|{exporter.buckets}",{exporter.label}=~"{found}"{extra}}}[{seconds}s]'


class SampleRing:
    """Samples by label value and series, merged by time and forgotten when they are too old."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._shelves: dict[str, dict[SeriesKey, list[tuple[datetime, float]]]] = {}
        self._newborn: set[SeriesKey] = set()

    def add(self, news: Sequence[RawSeries], asked_since: datetime, scrape: timedelta) -> None:
        """Merge the answer to a question about the time after `asked_since`, scraped every `scrape`.

        Samples that are known already are skipped, those not finite are dropped.
        """
        for series in news:
            fresh = [(at, value) for at, value in series.samples if math.isfinite(value) and value >= 0]
            if not fresh:
                continue
            shelf = self._shelves.setdefault(series.labels.get(self._exporter.label, ""), {})
            key = (series.name, frozenset(series.labels.items()))
            if key not in shelf and fresh[0][0] > asked_since + 1.5 * scrape:
                self._newborn.add(key)
            ring = shelf.setdefault(key, [])
            ring.extend(sample for sample in fresh if not ring or sample[0] > ring[-1][0])

    def forget_before(self, oldest: datetime) -> None:
        """Drop samples before `oldest`, and series that have none left."""
        for value, shelf in list(self._shelves.items()):
            kept = {key: [sample for sample in ring if sample[0] >= oldest] for key, ring in shelf.items()}
            self._newborn -= {key for key, ring in kept.items() if len(ring) < len(shelf[key])}
            self._shelves[value] = {key: ring for key, ring in kept.items() if ring}
            if not self._shelves[value]:
                del self._shelves[value]

    def counters(self, sources: Iterable[ArmSources]) -> list[Mapping[str, GatewayCounters]]:
        """Return requests, errors and latencies of each arm, by arm, for each of `sources`."""
        scrapes = self._scrapes()
        return [{arm: self._arm(values, scrapes) for arm, values in source.arms} for source in sources]

    def _arm(self, values: Iterable[str], scrapes: Mapping[str, list[datetime]]) -> GatewayCounters:
        requests, errors = [], []
        buckets: dict[float, list[CounterSeries]] = defaultdict(list)
        found = (entry for value in values for entry in self._shelves.get(value, {}).items())
        for (name, items), ring in found:
            labels = dict(items)
            earlier = scrapes[_proxy(labels)] if (name, items) in self._newborn else ()
            series = CounterSeries(_from_zero(ring, earlier))
            if name == self._exporter.requests:
                requests.append(series)
                if labels.get(self._exporter.code_label, "").startswith("5"):
                    errors.append(series)
            elif name == self._exporter.buckets and (edge := self._edge(labels.get("le", ""))) is not None:
                buckets[edge].append(series)
        return GatewayCounters(tuple(requests), tuple(errors), {edge: tuple(found) for edge, found in buckets.items()})

    def _edge(self, text: str) -> float | None:
        try:
            return float(text) / self._exporter.edges_per_second
        except ValueError:
            return None

    def _scrapes(self) -> Mapping[str, list[datetime]]:
        times: dict[str, set[datetime]] = defaultdict(set)
        for shelf in self._shelves.values():
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
