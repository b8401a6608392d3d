"""From a running Experiment to what is like a release of one step: the treatment is compared with the control."""

from collections.abc import Iterable, Mapping
from typing import Any

from pawl.api.component import Component
from pawl.api.experiment import DEFAULT_WEIGHT, Experiment, TreatmentStatus
from pawl.api.meta import Margin
from pawl.margins import LATENCY
from pawl_services.monitor.release import (
    Components,
    Release,
    UnusableReleaseError,
    component_named,
    computed,
    labels_of,
    micros,
    slow_factor,
)

MODE = "HeaderRule"
RELEASE = 1
"""The number of an Experiment's only release, as it is stamped on what its arms answer."""
Asked = Mapping[tuple[str, str], str]
"""The component of each Rollout, by the Rollout's (namespace, name)."""


def live_experiment(experiment: Experiment, asked: Asked, components: Components) -> Release | None:
    """What is being compared, None while the Experiment does not run.

    Raises:
        UnusableReleaseError: its Rollout or Component is missing, or the score cannot be computed here.
    """
    control, treatment = experiment.status.control, experiment.status.treatment
    if not experiment.metadata.uid or not _runs(experiment) or control is None or treatment is None:
        return None
    namespace, analysis = experiment.metadata.namespace or "default", experiment.spec.analysis
    metrics = computed(metric.name for metric in experiment.spec.metrics)
    name = _component_name(experiment, namespace, asked)
    component = component_named(components, namespace, name, metrics)
    return Release(
        uid=experiment.metadata.uid,
        namespace=namespace,
        kind=experiment.kind,
        name=experiment.metadata.name,
        component=name,
        number=RELEASE,
        candidate=treatment.revision,
        stable=control.revision,
        started=_started(experiment),
        window=micros(analysis.window),
        delay=micros(analysis.label_delay),
        weights=(_share(experiment, treatment),),
        mode=MODE,
        pairing=analysis.pairing.mode,
        metrics=metrics,
        score=component.spec.score,
        labels=labels_of(component),
        slow_factor=slow_factor(_latency_margin(experiment, component)),
    )


def components_asked(rollouts: Iterable[Mapping[str, Any]]) -> Asked:
    """The component of each Rollout; of a Rollout no more is needed, so one that cannot be read whole will do."""
    found: dict[tuple[str, str], str] = {}
    for item in rollouts:
        metadata, spec = item.get("metadata") or {}, item.get("spec") or {}
        found[metadata.get("namespace") or "default", metadata.get("name", "")] = str(spec.get("component", ""))
    return found


def _runs(experiment: Experiment) -> bool:
    return experiment.status.phase == "Running" and experiment.metadata.deletion_timestamp is None


def _component_name(experiment: Experiment, namespace: str, asked: Asked) -> str:
    rollout = experiment.spec.rollout_ref.name if experiment.spec.rollout_ref is not None else ""
    name = asked.get((namespace, rollout))
    if name is None:
        raise UnusableReleaseError(f"Rollout {namespace}/{rollout} does not exist; create it, or end the Experiment")
    return name


def _started(experiment: Experiment) -> int:
    # Nothing else carries this uid, so reading from too early on only takes longer.
    moment = experiment.status.started_at or experiment.metadata.creation_timestamp
    return round(moment.timestamp() * 1_000_000) if moment is not None else 0


def _share(experiment: Experiment, treatment: TreatmentStatus) -> float:
    """The treatment's percent of the users of both arms, exact: the assigner's ranges are ten-thousandths.

    It is what was asked for, not what the assigner was told, so that the test of it finds mistakes in both.
    """
    weights = {arm.name: arm.weight or DEFAULT_WEIGHT for arm in experiment.spec.variants if arm.role == "Treatment"}
    if treatment.variant not in weights:
        names = ", ".join(weights)
        raise UnusableReleaseError(f"status.treatment.variant is {treatment.variant!r}; the treatments are {names}")
    if experiment.spec.mode == "Shadow":
        return 0.0
    mine, control = weights[treatment.variant], 100 - sum(weights.values())
    return 100 * mine / (mine + control)


def _latency_margin(experiment: Experiment, component: Component) -> Margin | None:
    own = [metric.margin for metric in experiment.spec.metrics if metric.name == LATENCY]
    inherited = [metric.margin for metric in component.spec.metrics if metric.name == LATENCY]
    return next((margin for margin in own + inherited if margin is not None), None)
