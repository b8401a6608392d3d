"""The evidence gauges, made at each scrape from one immutable set of views; nothing at all without the lead."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pawl.evidence import PAIRED, PREFIX
from pawl_services.monitor.accumulate import Group
from pawl_services.monitor.totals import ARMS
from pawl_services.monitor.views import View, label_rate

LABELS = ("object_namespace", "object_kind", "object", "object_uid", "release", "step", "arm", "metric")
QUESTION = "question"
HELP = {
    "users": "Users whose window has closed and who have anything that tells models apart: a denominator above 0.",
    "mean": "Mean over users of the numerator; of pairs: ratio of the candidate minus ratio of stable.",
    "m2": "Sum over users of squared deviations of the numerator; of pairs: of the linearised difference.",
    "denominator_mean": "Mean over users of the denominator.",
    "denominator_m2": "Sum over users of squared deviations of the denominator.",
    "comoment": "Sum over users of products of the deviations of numerator and denominator.",
    "samples": "Scored interactions with a denominator above 0; of pairs those that were scored for both revisions.",
    "log_e": "Natural logarithm of an e-value, by question.",
    "batch": "Number of closed batches that the other series of this group hold.",
    "watermark_timestamp_seconds": "Everything received until then is taken in.",
    "computed_timestamp_seconds": "When everything received was last taken in.",
    "label_rate": "Labelled users an hour.",
    "first_harm_timestamp_seconds": "First live answer of the candidate that was scored less than right or was slow.",
    "exposed_users": "Users who were answered by the candidate in this release.",
    "exposed_requests": "Requests that the candidate answered in this release.",
}


class Series(NamedTuple):
    """One sample: which gauge, whose, and its value."""

    gauge: str
    step: str
    arm: str
    metric: str
    value: float
    question: str = ""


class EvidenceCollector(Collector):
    """Give it to a registry; `publish` replaces everything that is exported at once."""

    def __init__(self, leading: Callable[[], bool]) -> None:
        self._leading = leading
        self._views: tuple[View, ...] = ()

    def publish(self, views: Sequence[View]) -> None:
        """Export these views, and nothing else, from now on."""
        self._views = tuple(views)

    def clear(self) -> None:
        """Export nothing."""
        self._views = ()

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing to announce: what there is depends on the releases."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All gauges of all views, or none when this process does not lead."""
        views = self._views
        if not self._leading():
            return
        for gauge in HELP:
            labels = (*LABELS, QUESTION) if gauge == "log_e" else LABELS
            family = GaugeMetricFamily(PREFIX + gauge, HELP[gauge], labels=labels)
            for view in views:
                _add(family, view, (series for series in series_of(view) if series.gauge == gauge))
            if family.samples:
                yield family


def series_of(view: View) -> Iterator[Series]:
    """Every sample of one release; groups without a closed batch have none."""
    header = view.header
    yield Series("computed_timestamp_seconds", "", "", "", view.computed_at)
    yield Series("exposed_users", "", "", "", header.exposed_users)
    yield Series("exposed_requests", "", "", "", header.exposed_requests)
    if header.first_harm is not None:
        yield Series("first_harm_timestamp_seconds", "", "", "", header.first_harm / 1e6)
    for (step, metric), group in sorted(view.groups.items()):
        if group.batch:
            yield from _group(view, str(step), metric, group)


def _group(view: View, step: str, metric: str, group: Group) -> Iterator[Series]:
    yield Series("batch", step, "", metric, group.batch)
    yield Series("watermark_timestamp_seconds", step, "", metric, view.header.cursor / 1e6)
    yield Series("computed_timestamp_seconds", step, "", metric, view.computed_at)
    rate = label_rate(view.header, group)
    if rate is not None:
        yield Series("label_rate", step, "", metric, rate)
    for question, value in sorted(group.log_e.items()):
        yield Series("log_e", step, "", metric, value, question)
    for arm in ARMS:
        sums = group.totals.arm(arm)
        if sums.users:
            yield Series("users", step, arm, metric, sums.users)
            yield Series("mean", step, arm, metric, sums.mean)
            yield Series("m2", step, arm, metric, sums.m2)
            yield Series("denominator_mean", step, arm, metric, sums.denominator_mean)
            yield Series("denominator_m2", step, arm, metric, sums.denominator_m2)
            yield Series("comoment", step, arm, metric, sums.comoment)
    pair = group.totals.paired()
    if pair is not None:
        yield Series("users", step, PAIRED, metric, pair.users)
        yield Series("mean", step, PAIRED, metric, pair.mean)
        yield Series("m2", step, PAIRED, metric, pair.m2)
    for arm, count in group.totals.samples.items():
        # None counted beside users that were: stored before samples were counted, or pairs of users, not of answers.
        if count:
            yield Series("samples", step, arm, metric, count)


def _add(family: GaugeMetricFamily, view: View, found: Iterable[Series]) -> None:
    release = view.header.release
    whose = [release.namespace, release.kind, release.name, release.uid, str(release.number)]
    for series in found:
        labels = [*whose, series.step, series.arm, series.metric]
        family.add_metric([*labels, series.question] if series.gauge == "log_e" else labels, series.value)
