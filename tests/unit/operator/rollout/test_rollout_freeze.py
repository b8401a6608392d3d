"""A plan is frozen only if its evidence can come: what nobody gathers is refused with field, value and remedy."""

from typing import Any

import pytest
from rollout_world import spec

from pawl.api.rollout import RolloutSpec
from pawl.errors import InvalidSpec
from pawl.margins import KNOWN_METRICS, MetricDefault
from pawl_operator.kinds.rollout.start import freeze

STEPS = [{"setWeight": 10}, {"setWeight": 100}]


def frozen(**changes: Any):
    component = {"conversion": MetricDefault("Higher", None), "accuracy": MetricDefault("Higher", None)}
    return freeze(RolloutSpec.model_validate(spec(**changes)), component, "HashedBucket")


def metrics(*names: str) -> dict[str, Any]:
    return {"metrics": [{"name": name, "role": "Guardrail" if i else "Primary"} for i, name in enumerate(names)]}


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"analysis": metrics("conversion")}, "spec.analysis.metrics[conversion]", "accuracy or latency"),
        ({"analysis": metrics("accuracy", "tone")}, "spec.analysis.metrics[tone]", "accuracy or latency"),
        ({"analysis": metrics("accuracy", "satisfaction")}, "spec.analysis.metrics[satisfaction]", "leave it out"),
        (
            {"analysis": {}, "steps": [{"setWeight": 10}, {"setWeight": 100, "minUsers": 50}]},
            "spec.steps[1].minUsers",
            "add a metric",
        ),
        (
            {"analysis": {}, "steps": [{"setWeight": 10, "require": "NonInferior"}, {"setWeight": 100}]},
            "spec.steps[0].require",
            "add a metric",
        ),
    ],
)
def test_what_nobody_gathers_is_refused(changes: dict[str, Any], field: str, remedy: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        frozen(**changes)
    assert refused.value.field == field
    assert refused.value.value is not None
    assert remedy in refused.value.remedy


def test_what_is_gathered_is_taken() -> None:
    plan = frozen(analysis=metrics("accuracy", "latency"), steps=[{"setWeight": 10, "minUsers": 50}, *STEPS[1:]])
    assert {metric.name for metric in plan.analysis.metrics} < KNOWN_METRICS


def test_without_metrics_hard_limits_alone_may_decide() -> None:
    plan = frozen(analysis={}, steps=[{"setWeight": 10, "require": "NoHarm"}, {"setWeight": 100}])
    assert [step.require for step in plan.steps] == ["NoHarm", "NoHarm"]
