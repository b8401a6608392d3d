"""From a Rollout to the release that is on its way."""

from pawl.api.meta import Margin
from pawl.api.rollout import Rollout
from pawl.api.rollout_status import ReleaseStatus
from pawl.margins import LATENCY
from pawl_services.monitor.release import (
    Components,
    Release,
    component_named,
    computed,
    labels_of,
    micros,
    slow_factor,
)

LIVE_STATES = frozenset({"Progressing", "Baking", "RollingBack"})


def live_release(rollout: Rollout, components: Components) -> Release | None:
    """The release that is on its way, None when there is none.

    Raises:
        UnusableReleaseError: the Component is missing, or its score cannot be computed here.
    """
    status = rollout.status.release
    if status is None or status.state not in LIVE_STATES or not rollout.metadata.uid:
        return None
    namespace, analysis = rollout.metadata.namespace or "default", status.plan.analysis
    metrics = computed(metric.name for metric in analysis.metrics)
    component = component_named(components, namespace, rollout.spec.component, metrics)
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
        window=micros(analysis.window),
        delay=micros(analysis.label_delay),
        weights=tuple(status.plan.weight_of(step) for step in range(1, len(status.plan.steps) + 1)),
        mode=status.plan.mode,
        pairing=analysis.pairing.mode,
        metrics=metrics,
        score=component.spec.score,
        labels=labels_of(component),
        slow_factor=slow_factor(_latency_margin(status)),
    )


def _stable_revision(rollout: Rollout, status: ReleaseStatus) -> str | None:
    if status.previous is not None:
        return status.previous.revision
    live = rollout.status.stable
    return live.revision if live is not None and live.revision != status.revision else None


def _latency_margin(status: ReleaseStatus) -> Margin | None:
    return next((metric.margin for metric in status.plan.analysis.metrics if metric.name == LATENCY), None)
