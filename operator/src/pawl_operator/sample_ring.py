"""Samples of what each arm was asked, from the start of its present step on. Pure, in memory.

Of the last minutes every sample is kept, and of the time before ever fewer, so that a step of thirty days costs some
seventy more a series. All series of one proxy keep the same moments: otherwise the errors of a window would be counted
from another moment than its requests.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pawl.gateway import CounterSeries, GatewayCounters
from pawl_operator.arm_samples import ArmSources, Exporter
from pawl_operator.prometheus import RawSeries

SPREAD = 8
"""Older samples are kept at least an eighth of their age apart, and never more than a quarter."""
SeriesKey = tuple[str, frozenset[tuple[str, str]]]
Samples = list[tuple[datetime, float]]


@dataclass(slots=True)
class _Series:
    """One counter since it was first seen, as if its process had never restarted."""

    newborn: bool
    """It appeared while its proxy was being watched, so it was zero before."""
    samples: Samples = field(default_factory=list)
    lost: float = 0.0
    """What restarts took away; added back here, because the samples that show a fall may be dropped later."""

    def append(self, at: datetime, value: float) -> None:
        """Take in a sample; one that is not newer than the last is known already."""
        if self.samples:
            last, total = self.samples[-1]
            if at <= last:
                return
            if value < total - self.lost:
                self.lost = total
        self.samples.append((at, value + self.lost))


class SampleRing:
    """Samples by label value and series, merged by time and thinned with age."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._shelves: dict[str, dict[SeriesKey, _Series]] = {}

    def add(self, news: Sequence[RawSeries]) -> None:
        """Merge one answer; what is known already is skipped, what is not finite is dropped.

        An answer tells of all that a label value has. So a series that is missing in an earlier scrape of its proxy, in
        this answer or in an older one, was not there yet.
        """
        began = _first_scrapes(news)
        for series in news:
            fresh = [(at, value) for at, value in series.samples if math.isfinite(value) and value >= 0]
            if not fresh:
                continue
            shelf = self._shelves.setdefault(series.labels.get(self._exporter.label, ""), {})
            key = (series.name, frozenset(series.labels.items()))
            if key not in shelf:
                earlier = (began[_proxy(series.labels)], *_begins(shelf, _proxy(series.labels)))
                shelf[key] = _Series(newborn=min(earlier) < fresh[0][0])
            for at, value in fresh:
                shelf[key].append(at, value)

    def keep(self, wanted: Mapping[str, datetime], dense_from: datetime, now: datetime) -> None:
        """Drop label values that nobody wants, samples from before each one's start, and most before `dense_from`."""
        self._shelves = {value: shelf for value, shelf in self._shelves.items() if value in wanted}
        for value, shelf in self._shelves.items():
            scrapes = _scrapes(shelf.items())
            grids = {proxy: _grid(times, wanted[value], dense_from, now) for proxy, times in scrapes.items()}
            for key, series in list(shelf.items()):
                _thin(series, wanted[value], dense_from, grids[_proxy(dict(key[1]))])
                if not series.samples:
                    del shelf[key]

    def newest(self, values: Iterable[str]) -> datetime | None:
        """Return the time of the last sample of any series under `values`; None: there is none."""
        found = (series for value in values for series in self._shelves.get(value, {}).values())
        return max((series.samples[-1][0] for series in found), default=None)

    def counters(self, sources: Iterable[ArmSources]) -> list[Mapping[str, GatewayCounters]]:
        """Return requests, errors and latencies of each arm, by arm, for each of `sources`."""
        scrapes = _scrapes(entry for shelf in self._shelves.values() for entry in shelf.items())
        return [{arm: self._arm(values, scrapes) for arm, values in source.arms} for source in sources]

    def _arm(self, values: Iterable[str], scrapes: Mapping[str, Samples]) -> GatewayCounters:
        requests, errors = [], []
        buckets: dict[float, list[CounterSeries]] = defaultdict(list)
        for name, labels, series in self._found(values, scrapes):
            if name == self._exporter.requests:
                requests.append(series)
                if labels.get(self._exporter.code_label, "").startswith("5"):
                    errors.append(series)
            elif name == self._exporter.buckets and (edge := self._edge(labels.get("le", ""))) is not None:
                buckets[edge].append(series)
        return GatewayCounters(tuple(requests), tuple(errors), {edge: tuple(found) for edge, found in buckets.items()})

    def _found(
        self, values: Iterable[str], scrapes: Mapping[str, Samples]
    ) -> Iterator[tuple[str, dict[str, str], CounterSeries]]:
        for value in values:
            for (name, items), series in self._shelves.get(value, {}).items():
                labels = dict(items)
                yield name, labels, CounterSeries(_from_zero(series, scrapes[_proxy(labels)]))

    def _edge(self, text: str) -> float | None:
        try:
            return float(text) / self._exporter.edges_per_second
        except ValueError:
            return None


def _first_scrapes(news: Iterable[RawSeries]) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for series in news:
        if series.samples:
            proxy, at = _proxy(series.labels), series.samples[0][0]
            first[proxy] = min(at, first.get(proxy, at))
    return first


def _begins(shelf: Mapping[SeriesKey, _Series], proxy: str) -> Iterator[datetime]:
    return (series.samples[0][0] for (_, items), series in shelf.items() if _proxy(dict(items)) == proxy)


def _scrapes(entries: Iterable[tuple[SeriesKey, _Series]]) -> dict[str, Samples]:
    # A series has a sample of every scrape since it appeared, so the longest one of a proxy knows all scrapes.
    found: dict[str, Samples] = {}
    for (_, items), series in entries:
        proxy = _proxy(dict(items))
        if len(series.samples) > len(found.get(proxy, ())):
            found[proxy] = series.samples
    return found


def _grid(scrapes: Samples, since: datetime, dense_from: datetime, now: datetime) -> set[datetime]:
    """Return the scrapes from `since` until `dense_from` to keep: the first, the last, and ever fewer with age."""
    old = scrapes[_place(scrapes, since) : _place(scrapes, dense_from)]
    kept: list[datetime] = []
    for at, _ in old:
        if not kept or (at - kept[-1]) * SPREAD >= now - at:
            kept.append(at)
    return {*kept, old[-1][0]} if old else set()


def _thin(series: _Series, since: datetime, dense_from: datetime, grid: set[datetime]) -> None:
    begin = _place(series.samples, since)
    if begin:
        # What it had counted before nobody knows any more.
        series.newborn = False
        del series.samples[:begin]
    dense = _place(series.samples, dense_from)
    series.samples[:dense] = [sample for sample in series.samples[:dense] if sample[0] in grid]


def _from_zero(series: _Series, scrapes: Samples) -> tuple[tuple[datetime, float], ...]:
    # A proxy exposes a counter only from its first increment on. The scrape before it stands for zero; otherwise the
    # first errors of a fresh candidate would not count.
    place = _place(scrapes, series.samples[0][0]) if series.newborn else 0
    return ((scrapes[place - 1][0], 0.0), *series.samples) if place else tuple(series.samples)


def _place(samples: Samples, at: datetime) -> int:
    return bisect_left(samples, at, key=lambda sample: sample[0])


def _proxy(labels: Mapping[str, str]) -> str:
    return f"{labels.get('instance', '')}/{labels.get('pod', '')}"
