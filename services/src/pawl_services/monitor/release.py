"""What the monitor needs to know of one release, frozen when it first sees it and kept with the evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from pawl.api.component import Component
from pawl.api.meta import Margin
from pawl.durations import parse_duration
from pawl.evidence import BY_REQUEST, CANDIDATE, STABLE
from pawl.margins import ACCURACY, KNOWN_METRICS, LATENCY, MIRRORED_METRICS, SATISFACTION, WELL_KNOWN
from pawl.rates import parse_percent
from pawl.scoring.labels import DEFAULT_RULES
from pawl.scoring.registry import SCORERS
from pawl_services.monitor.accumulate import Questions

Components = Mapping[tuple[str, str], Component]
"""By (namespace, name)."""
MAX_METRICS = 8
ROLLOUT = "Rollout"
PINNED = frozenset({"HashedBucket", "HeaderRule"})
"""Modes of traffic in which a user stays in one arm, and each arm has its share of users."""


class UnusableReleaseError(ValueError):
    """No evidence can be gathered for this release; the message says why."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release of a Rollout, or an Experiment, which is like a release of one step: its treatment is the candidate,
    its control stable. Times and durations in microseconds.

    `weights` are the candidate's percent of both arms' users, by step. `slow_factor` times stable's 95th percentile is
    where an answer begins to be slow.
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
    weights: tuple[float, ...]
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

    @property
    def last_step(self) -> int:
        """The last step whose answers count: a Rollout's bake comes after its plan's steps, an Experiment has none."""
        return len(self.weights) + (self.kind == ROLLOUT)

    def revision_of(self, arm: str) -> str | None:
        """The revision that serves an arm; None: unknown."""
        return self.candidate if arm == CANDIDATE else self.stable

    def is_live(self, arm: str | None, revision: str | None, step: int | None) -> bool:
        """Whether an interaction with these marks is one of this release's own.

        After a promotion or a rollback the route still stamps an arm; the revision tells that it is not the one that
        was compared. Steps beyond the last are nobody's.
        """
        if arm not in {STABLE, CANDIDATE} or step is None or not 1 <= step <= self.last_step:
            return False
        if revision is None or (arm == STABLE and self.stable is None):
            return revision != self.candidate
        return revision == self.revision_of(arm)

    def questions(self, metric: str, step: int) -> Questions:
        """What is tested of a metric in a step beside the difference."""
        share = self.weights[step - 1] if self.mode in PINNED and step <= len(self.weights) else 0
        signs = metric == ACCURACY and self.pairing != "None" and SCORERS[self.score].binary
        return Questions(signs, share if 0 < share < 100 else None)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(**value | {"weights": tuple(value["weights"]), "metrics": tuple(value["metrics"])})


def component_named(components: Components, namespace: str, name: str, metrics: Iterable[str]) -> Component:
    """The Component, if these metrics can be computed of it.

    Raises:
        UnusableReleaseError: it is missing, or its score cannot be computed here.
    """
    component = components.get((namespace, name))
    if component is None:
        raise UnusableReleaseError(f"Component {namespace}/{name} does not exist; create it")
    if ACCURACY in metrics and component.spec.score not in SCORERS:
        scores = ", ".join(SCORERS)
        raise UnusableReleaseError(f"score {component.spec.score!r} is not computed by the monitor; use {scores}")
    return component


def labels_of(component: Component) -> dict[str, str]:
    """What each kind of feedback says about the truth."""
    return {rule.kind: rule.truth for rule in component.spec.labels}


def computed(names: Iterable[str]) -> tuple[str, ...]:
    """Those metrics that are computed here; others have no evidence."""
    return tuple(name for name in names if name in KNOWN_METRICS)[:MAX_METRICS]


def slow_factor(margin: Margin | None) -> float:
    """What stable's 95th percentile is multiplied by, from the margin of latency; None: the usual one."""
    margin = margin or WELL_KNOWN[LATENCY].margin
    # An absolute margin is in points of the share of slow requests (pawl.margins): slow then starts at the percentile.
    return 1.0 + parse_percent(margin.relative) if margin is not None and margin.relative is not None else 1.0


def micros(duration: str) -> int:
    """A duration in microseconds."""
    return round(parse_duration(duration).total_seconds() * 1_000_000)
