"""What a metric means when a release does not say so itself: direction, margin, and the margin in the unit that is
tested.

Order: the Rollout's own words, then the Component's, then the well-known names below (the seed's thresholds).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pawl.api.analysis import AnalysisMetric
from pawl.api.meta import Direction, Margin
from pawl.errors import InvalidSpec

ACCURACY, LATENCY, SATISFACTION = "accuracy", "latency", "satisfaction"
LEAST_USERS = 30
"""Users an arm needs before an asymptotic interval is believed, unless the metric says fewer."""
SLOW_SHARE = 0.05
"""Stable's own share of slow requests at margin 0: by definition of the 95th percentile."""


@dataclass(frozen=True, slots=True)
class MetricDefault:
    """What a Component says about one of its metrics; None where it does not."""

    direction: Direction | None = None
    margin: Margin | None = None
    min_users: int | None = None


WELL_KNOWN: Mapping[str, MetricDefault] = {
    ACCURACY: MetricDefault("Higher", Margin(absolute="0.05")),
    LATENCY: MetricDefault("Lower", Margin(relative="30%")),
    SATISFACTION: MetricDefault("Higher", Margin(absolute="0.10")),
}
KNOWN_METRICS = frozenset(WELL_KNOWN)
"""What the monitor computes; of any other metric nobody would ever see evidence."""
MIRRORED_METRICS = frozenset({ACCURACY})
"""What answers of both revisions to one request are compared by; an answer that no user waited for says nothing of
latency or satisfaction."""
_NOTHING = MetricDefault()


def resolved(metric: AnalysisMetric, component: Mapping[str, MetricDefault] | None) -> AnalysisMetric:
    """Return the metric with direction and margin filled in; minUsers stays empty where nobody said anything.

    Raises:
        InvalidSpec: nobody says which direction is better, or which margin is harmless.
    """
    said, known = (component or {}).get(metric.name, _NOTHING), WELL_KNOWN.get(metric.name, _NOTHING)
    direction = metric.direction or said.direction or known.direction
    margin = metric.margin or said.margin or known.margin
    missing = "direction" if direction is None else "margin"
    if direction is None or margin is None:
        raise InvalidSpec(
            f"metric {metric.name} has no {missing}",
            field=f"spec.analysis.metrics[{metric.name}].{missing}",
            remedy="set it here or in the Component",
        )
    return metric.model_copy(
        update={"direction": direction, "margin": margin, "min_users": metric.min_users or said.min_users}
    )


def share_margin(margin: Margin) -> float:
    """Return the margin of metric `latency` in points of the share of slow requests.

    The metric counts requests slower than c = (1 + margin) x stable's 95th percentile, frozen when the release began.
    A candidate that is exactly as much slower as the margin allows has its own 95th percentile at c, so 5 % of its
    requests lie beyond c, where a stable with a short tail has next to none. Harm is therefore proven when the
    candidate's share of slow requests exceeds stable's by more than 5 points: twice what stable itself may have at
    most. An absolute margin is taken as it is, in points.
    """
    return float(margin.absolute) if margin.absolute is not None else SLOW_SHARE


def harm_margin(metric: AnalysisMetric, stable_value: float | None) -> float | None:
    """Return the margin in the unit of the tested difference (> 0); None: relative to a stable value that is not
    known yet.

    ``metric`` is one that `resolved` returned.
    """
    if metric.margin is None:
        return None
    if metric.name == LATENCY:
        return share_margin(metric.margin)
    if metric.margin.absolute is not None:
        return float(metric.margin.absolute)
    return None if stable_value is None or stable_value == 0 else metric.margin.at(stable_value)


def least_users(metric: AnalysisMetric) -> int:
    """Return the number of users in the smaller arm from which harm may be declared proven: 30, or fewer if said so."""
    return min(LEAST_USERS, metric.min_users) if metric.min_users is not None else LEAST_USERS


def enough_users(metric: AnalysisMetric) -> int:
    """Return the number of users in the smaller arm that a step needs to pass."""
    return metric.min_users if metric.min_users is not None else LEAST_USERS
