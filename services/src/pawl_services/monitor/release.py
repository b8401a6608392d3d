"""What the monitor needs to know of one release, frozen when it first sees it and kept with the evidence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pawl.api.component import Component
from pawl.api.meta import Margin
from pawl.api.rollout import Rollout
from pawl.api.rollout_status import ReleaseStatus
from pawl.durations import parse_duration
from pawl.evidence import BY_REQUEST, CANDIDATE, STABLE
from pawl.margins import ACCURACY, KNOWN_METRICS, LATENCY, MIRRORED_METRICS, SATISFACTION
from pawl.rates import parse_percent
from pawl_services.monitor.accumulate import Questions
from pawl_services.monitor.scoring.labels import DEFAULT_RULES
from pawl_services.monitor.scoring.registry import SCORERS

MAX_METRICS = 8
LIVE_STATES = frozenset({"Progressing", "Baking", "RollingBack"})


class UnusableReleaseError(ValueError):
    """No evidence can be gathered for this release; the message says why."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release of one object. Times and durations in microseconds; `weights` are the candidate's percent by step.

    `slow_factor` times stable's 95th percentile is where an answer begins to be slow.
    """

    uid: str
    namespace: str
    kind: str
    name: str
    component: str
    number: int
    candidate: str
    stable: str | None
    started: int
    window: int
    delay: int
    weights: tuple[int, ...]
    mode: str
    pairing: str
    metrics: tuple[str, ...]
    score: str
    labels: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_RULES))
    slow_factor: float = 1.0

    @property
    def key(self) -> tuple[str, int]:
        """What names its evidence."""
        return self.uid, self.number

    @property
    def needs_labels(self) -> bool:
        """Whether any metric is made of what people said."""
        return ACCURACY in self.metrics or SATISFACTION in self.metrics

    def pairs_arms(self, metric: str) -> bool:
        """Whether the two arms of one user are compared: where requests, not users, are assigned to arms.

        Answers that both revisions gave to the same request are better pairs, where there are any.
        """
        return self.mode == BY_REQUEST and (self.pairing == "None" or metric not in MIRRORED_METRICS)

    def arm_of(self, revision: str | None) -> str | None:
        """The arm that serves a revision; None for any other."""
        return {self.candidate: CANDIDATE, self.stable: STABLE}.get(revision) if revision else None

    def is_live(self, arm: str | None, revision: str | None, step: int | None) -> bool:
        """Whether an interaction with these marks is one of this release's own.

        After a promotion or a rollback the route still stamps an arm; the revision tells that it is not the one that
        was compared. Steps beyond the plan (the bake is at most one more) are nobody's.
        """
        if arm not in {STABLE, CANDIDATE} or step is None or not 1 <= step <= len(self.weights) + 1:
            return False
        if revision is None or (arm == STABLE and self.stable is None):
            return revision != self.candidate
        return self.arm_of(revision) == arm

    def questions(self, metric: str, step: int) -> Questions:
        """What is tested of a metric in a step beside the difference."""
        share = self.weights[step - 1] if self.mode == "HashedBucket" and step <= len(self.weights) else 0
        signs = metric == ACCURACY and self.pairing != "None" and SCORERS[self.score].binary
        return Questions(signs, share if 0 < share < 100 else None)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(**value | {"weights": tuple(value["weights"]), "metrics": tuple(value["metrics"])})


def live_release(rollout: Rollout, components: Mapping[tuple[str, str], Component]) -> Release | None:
    """The release that is on its way, None when there is none; `components` by (namespace, name).

    Raises:
        UnusableReleaseError: the Component is missing, or its score cannot be computed here.
    """
    status = rollout.status.release
    if status is None or status.state not in LIVE_STATES or not rollout.metadata.uid:
        return None
    namespace = rollout.metadata.namespace or "default"
    component = components.get((namespace, rollout.spec.component))
    if component is None:
        raise UnusableReleaseError(f"Component {namespace}/{rollout.spec.component} does not exist; create it")
    metrics = supported_metrics(status)
    if ACCURACY in metrics and component.spec.score not in SCORERS:
        scores = ", ".join(SCORERS)
        raise UnusableReleaseError(f"score {component.spec.score!r} is not computed by the monitor; use {scores}")
    analysis = status.plan.analysis
    return Release(
        uid=rollout.metadata.uid,
        namespace=namespace,
        kind=rollout.kind,
        name=rollout.metadata.name,
        component=rollout.spec.component,
        number=status.number,
        candidate=status.revision,
        stable=_stable_revision(rollout, status),
        started=round(status.started_at.timestamp() * 1_000_000),
        window=_micros(analysis.window),
        delay=_micros(analysis.label_delay),
        weights=tuple(status.plan.weight_of(step) for step in range(1, len(status.plan.steps) + 1)),
        mode=status.plan.mode,
        pairing=analysis.pairing.mode,
        metrics=metrics,
        score=component.spec.score,
        labels={rule.kind: rule.truth for rule in component.spec.labels},
        slow_factor=_slow_factor(status),
    )


def supported_metrics(status: ReleaseStatus) -> tuple[str, ...]:
    """The plan's metrics that are computed here; others have no evidence."""
    names = (metric.name for metric in status.plan.analysis.metrics)
    return tuple(name for name in names if name in KNOWN_METRICS)[:MAX_METRICS]


def _stable_revision(rollout: Rollout, status: ReleaseStatus) -> str | None:
    if status.previous is not None:
        return status.previous.revision
    live = rollout.status.stable
    return live.revision if live is not None and live.revision != status.revision else None


def _slow_factor(status: ReleaseStatus) -> float:
    margins = [metric.margin for metric in status.plan.analysis.metrics if metric.name == LATENCY]
    margin = margins[0] if margins and margins[0] is not None else Margin(relative="30%")
    # An absolute margin is in points of the share of slow requests (pawl.margins): slow then starts at the percentile.
    return 1.0 + parse_percent(margin.relative) if margin.relative is not None else 1.0


def _micros(duration: str) -> int:
    return round(parse_duration(duration).total_seconds() * 1_000_000)
