"""Evidence as the monitor exports it: Prometheus samples read into closed, checked values, or dropped with a reason.

One group is (object uid, release, step, metric). It counts only if all its series come from one monitor and one
closed batch, none is doubled and none is NaN or infinite; otherwise it is *dropped*, which judges as Unavailable,
whereas a group that is not there (or has no closed batch yet) is simply no data.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from math import isfinite

from pawl.stats.ratio import PairedDifference, RatioSums

PREFIX = "pawl_evidence_"
CANDIDATE, STABLE, PAIRED = "candidate", "stable", "paired"
BY_REQUEST = "RequestWeights"
"""The mode of traffic in which one user may be answered by both arms."""
_LATEST = 253402300799.0
_RELEASE_WIDE = ("first_harm_timestamp_seconds", "exposed_users", "exposed_requests")
_ARM_FIELDS = {
    "users": "users",
    "mean": "mean",
    "m2": "m2",
    "denominator_mean": "denominator_mean",
    "denominator_m2": "denominator_m2",
    "comoment": "comoment",
}

ArmSummary = RatioSums
"""users, mean, m2, denominator_mean, denominator_m2, comoment of one arm within one step."""
PairedSummary = PairedDifference
"""users, mean (R_candidate - R_stable), m2 of the pairs within one step."""


class Flaw(Enum):
    """Why a group was dropped."""

    TWO_SOURCES = "TwoSources"
    TWO_BATCHES = "TwoBatches"
    DUPLICATE = "DuplicateSeries"
    NON_FINITE = "NonFinite"
    INCOMPLETE = "Incomplete"


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of an instant query: the metric's ``name``, and ``labels`` with the rest, `instance` among them."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """Closed evidence about one metric in one step; ``arms`` by name, ``log_e`` by question, times in UTC."""

    metric: str
    step: int
    batch: int
    watermark: datetime | None
    computed_at: datetime | None
    arms: Mapping[str, RatioSums] = field(default_factory=dict)
    paired: PairedDifference | None = None
    log_e: Mapping[str, float] = field(default_factory=dict)
    label_rate: float | None = None
    """Labelled users an hour; None: unknown."""
    samples: Mapping[str, int] = field(default_factory=dict)
    """Scored interactions by arm, of `PAIRED` those scored for both; an arm without an entry: unknown."""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class DroppedGroup:
    """A group that is there but cannot be trusted."""

    metric: str
    step: int
    flaw: Flaw


@dataclass(frozen=True, slots=True)
class ReleaseEvidence:
    """What the monitor says about one release of one object."""

    uid: str
    release: int
    metrics: tuple[MetricEvidence, ...] = ()
    dropped: tuple[DroppedGroup, ...] = ()
    computed_at: datetime | None = None
    """When the monitor last looked at this release; None: it never said."""
    first_harm: datetime | None = None
    """Time of the first live answer of the candidate that was scored wrong or slow (t0)."""
    exposed_users: int | None = None
    exposed_requests: int | None = None

    def steps_of(self, metric: str) -> tuple[MetricEvidence, ...]:
        """Return the evidence about ``metric``, one entry a step, in the order of steps."""
        return tuple(sorted((m for m in self.metrics if m.metric == metric), key=lambda m: m.step))

    def flaw_of(self, metric: str) -> Flaw | None:
        """Return why the newest dropped group of ``metric`` was dropped, if one was."""
        found = [group for group in self.dropped if group.metric == metric]
        return max(found, key=lambda group: group.step).flaw if found else None


def parse_samples(samples: Iterable[Sample], releases: Mapping[str, int] | None = None) -> dict[str, ReleaseEvidence]:
    """Return the evidence by object uid.

    ``releases`` names the release wanted of each uid; without an entry the highest release that has samples is taken
    (samples of ended releases stay for a day). Samples without a uid or with a release that is no number are not ours
    and are ignored.
    """
    by_release: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        uid, release = sample.labels.get("object_uid", ""), _whole(sample.labels.get("release"))
        if uid and release is not None and sample.name.startswith(PREFIX):
            by_release[uid, release].append(sample)
    wanted: dict[str, int] = {}
    for uid, release in by_release:
        wanted[uid] = max(release, wanted.get(uid, release))
    chosen = wanted | {uid: release for uid, release in (releases or {}).items() if uid in wanted}
    return {
        uid: _read_release(uid, release, by_release[uid, release])
        for uid, release in chosen.items()
        if (uid, release) in by_release
    }


def _read_release(uid: str, release: int, samples: Sequence[Sample]) -> ReleaseEvidence:
    groups: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    wide: list[Sample] = []
    for sample in samples:
        step, metric = _whole(sample.labels.get("step")), sample.labels.get("metric", "")
        if sample.name.removeprefix(PREFIX) in _RELEASE_WIDE or step is None or not metric:
            wide.append(sample)
        else:
            groups[metric, step].append(sample)
    read = [_read_group(metric, step, group) for (metric, step), group in sorted(groups.items())]
    metrics = tuple(entry for entry in read if isinstance(entry, MetricEvidence))
    # A group that cannot be trusted was looked at all the same: "contradicts itself" is not "never reported".
    looked = [at for s in samples if s.name == PREFIX + "computed_timestamp_seconds" and (at := _time(s.value))]
    first, users, requests = (_finite(wide, name) for name in _RELEASE_WIDE)
    return ReleaseEvidence(
        uid,
        release,
        metrics=tuple(entry for entry in metrics if entry.batch > 0),
        dropped=tuple(entry for entry in read if isinstance(entry, DroppedGroup)),
        computed_at=max(looked, default=None),
        first_harm=_time(min(value for value in first if value > 0)) if any(value > 0 for value in first) else None,
        exposed_users=int(max(users)) if users else None,
        exposed_requests=int(max(requests)) if requests else None,
    )


def _read_group(metric: str, step: int, samples: Sequence[Sample]) -> MetricEvidence | DroppedGroup:
    flaw = _flaw(samples)
    if flaw is not None:
        return DroppedGroup(metric, step, flaw)
    single = {s.name.removeprefix(PREFIX): s.value for s in samples}
    arms: dict[str, dict[str, float]] = defaultdict(dict)
    log_e: dict[str, float] = {}
    for sample in samples:
        name, arm = sample.name.removeprefix(PREFIX), sample.labels.get("arm", "")
        if name == "log_e":
            log_e[sample.labels.get("question", "")] = sample.value
        elif arm and name in _ARM_FIELDS:
            arms[arm][_ARM_FIELDS[name]] = sample.value
    batch = int(single.get("batch", 0))
    if batch > 0 and not _complete(arms):
        return DroppedGroup(metric, step, Flaw.INCOMPLETE)
    return MetricEvidence(
        metric=metric,
        step=step,
        batch=batch,
        watermark=_time(single.get("watermark_timestamp_seconds")),
        computed_at=_time(single.get("computed_timestamp_seconds")),
        arms={arm: _arm(values) for arm, values in arms.items() if arm != PAIRED} if batch > 0 else {},
        paired=_pair(arms[PAIRED]) if batch > 0 and PAIRED in arms else None,
        log_e=log_e,
        label_rate=single.get("label_rate"),
        samples=_counts(samples) if batch > 0 else {},
        instance=samples[0].labels.get("instance", ""),
    )


def _counts(samples: Sequence[Sample]) -> dict[str, int]:
    return {s.labels["arm"]: int(s.value) for s in samples if s.name == PREFIX + "samples" and s.labels.get("arm")}


def _flaw(samples: Sequence[Sample]) -> Flaw | None:
    if len({s.labels.get("instance", "") for s in samples}) > 1:
        return Flaw.TWO_SOURCES
    if any(not isfinite(s.value) for s in samples):
        return Flaw.NON_FINITE
    if len({s.value for s in samples if s.name == PREFIX + "batch"}) > 1:
        return Flaw.TWO_BATCHES
    keys = [(s.name, s.labels.get("arm", ""), s.labels.get("question", "")) for s in samples]
    return Flaw.DUPLICATE if len(set(keys)) < len(keys) else None


def _complete(arms: Mapping[str, Mapping[str, float]]) -> bool:
    return all({"users", "mean", "m2"} <= values.keys() and values["users"] >= 0 for values in arms.values())


def _arm(values: Mapping[str, float]) -> RatioSums:
    # A metric without a denominator counts one for each user: then the ratio is the mean.
    return RatioSums(
        users=int(values["users"]),
        mean=values["mean"],
        m2=max(0.0, values["m2"]),
        denominator_mean=values.get("denominator_mean", 1.0),
        denominator_m2=max(0.0, values.get("denominator_m2", 0.0)),
        comoment=values.get("comoment", 0.0),
    )


def _pair(values: Mapping[str, float]) -> PairedDifference:
    return PairedDifference(int(values["users"]), values["mean"], max(0.0, values["m2"]))


def _finite(samples: Iterable[Sample], name: str) -> list[float]:
    return [s.value for s in samples if s.name == PREFIX + name and isfinite(s.value)]


def _time(seconds: float | None) -> datetime | None:
    if seconds is None or not 0 < seconds <= _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
