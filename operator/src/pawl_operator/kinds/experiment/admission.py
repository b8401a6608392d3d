"""Whether an Experiment can be carried out here, and what it is judged by: checked before anybody is assigned. Pure."""

from pawl.api.analysis import AnalysisMetric
from pawl.api.experiment import ExperimentMetric
from pawl.decisions import DecisionPlan, GatedMetric
from pawl.durations import parse_duration
from pawl.errors import InvalidSpec
from pawl.margins import ACCURACY, KNOWN_METRICS, LATENCY, SATISFACTION, resolved
from pawl_operator.kinds.experiment.draft import Draft
from pawl_operator.kinds.experiment.reasons import Reason

Refusal = tuple[Reason, str]


def refusal(draft: Draft) -> Refusal | None:
    """Return why the Experiment cannot be carried out as it stands, if it cannot."""
    return _not_offered(draft) or _without_rollout(draft) or _unusable_metrics(draft)


def _not_offered(draft: Draft) -> Refusal | None:
    spec = draft.spec
    if spec.assignment_only:
        return (
            Reason.NOT_OFFERED,
            "spec.assignmentOnly is not carried out by this version: name a Rollout in rolloutRef",
        )
    if sum(arm.role == "Treatment" for arm in spec.variants) > 1:
        return Reason.NOT_OFFERED, "spec.variants: this version compares one Treatment with Control: keep one"
    if spec.layer is not None:
        return Reason.NOT_OFFERED, "spec.layer is not carried out by this version: leave it out"
    if spec.unit != "User":
        return Reason.NOT_OFFERED, "spec.unit Request is not carried out by this version: use User"
    if spec.analysis.pairing.mode not in ("None", "Mirror"):
        return Reason.NOT_OFFERED, f"spec.analysis.pairing.mode {spec.analysis.pairing.mode}: use Mirror or None"
    if spec.mode == "Shadow" and spec.analysis.pairing.mode == "None":
        message = "spec.mode Shadow shows the treatment to nobody: let it answer copies, analysis.pairing.mode Mirror"
        return Reason.INVALID_SPEC, message
    if not draft.seen.assigner:
        message = "nobody gives users an arm here: install the assigner with the chart, and Envoy Gateway"
        return Reason.ASSIGNER_NOT_OFFERED, message
    return None


def _without_rollout(draft: Draft) -> Refusal | None:
    rollout, named = draft.seen.rollout, draft.spec.rollout_ref
    if rollout is None:
        name = named.name if named is not None else "?"
        return Reason.ROLLOUT_NOT_FOUND, f"spec.rolloutRef.name {name}: there is no such Rollout here: create it"
    if rollout.spec.route_ref is None:
        return Reason.UNIT_NOT_PINNED, f"Rollout {rollout.metadata.name} has no route on which users could be assigned"
    if rollout.spec.services is not None:
        message = "Rollout has spec.services, one for each arm; a treatment needs pods of its own: use spec.serve"
        return Reason.NOT_OFFERED, message
    if rollout.status.stable is None:
        return Reason.ROLLOUT_NOT_READY, f"Rollout {rollout.metadata.name} has nothing live yet to compare with"
    if draft.seen.component_metrics is None:
        return Reason.COMPONENT_NOT_FOUND, f"Component {rollout.spec.component} is not there: create it"
    return None


def _unusable_metrics(draft: Draft) -> Refusal | None:
    try:
        decision_plan(draft)
    except InvalidSpec as error:
        return Reason.INVALID_SPEC, str(error)
    return None


def decision_plan(draft: Draft) -> DecisionPlan:
    """Return what the Experiment is judged by, with everything that it inherits filled in.

    Raises:
        InvalidSpec: a metric that nobody computes, or without direction or margin anywhere.
    """
    spec, component = draft.spec, draft.seen.component_metrics
    analysis = spec.analysis
    metrics = tuple(GatedMetric(resolved(_asked(metric), component), metric.role) for metric in spec.metrics)
    return DecisionPlan(
        metrics=metrics,
        alpha=float(analysis.alpha),
        ship_alpha=float(analysis.ship_alpha),
        expected_users=float(analysis.expected_users),
        min_users=analysis.min_users,
        min_samples=analysis.min_samples_per_variant,
        max_duration=parse_duration(analysis.max_duration),
        whole_days=analysis.whole_days,
        mirrored=analysis.pairing.mode == "Mirror",
    )


def _asked(metric: ExperimentMetric) -> AnalysisMetric:
    field = f"spec.metrics[{metric.name}]"
    if metric.name not in KNOWN_METRICS:
        message = "the monitor does not compute this metric, so evidence about it would never come"
        raise InvalidSpec(message, field=field, value=metric.name, remedy=f"use {ACCURACY} or {LATENCY}")
    if metric.name == SATISFACTION:
        message = "nobody compares yet how many of those who were asked answered in each arm"
        raise InvalidSpec(message, field=field, value=metric.name, remedy=f"use {ACCURACY} or {LATENCY}")
    role = "Primary" if metric.role == "Primary" else "Guardrail"
    return AnalysisMetric(
        name=metric.name, role=role, direction=metric.direction, margin=metric.margin, min_users=metric.min_users
    )
