"""A LearningLoop's own rules: names leave room for the numbers of turns, and weights leave users for what is live."""

from typing import Any

import pytest
from manifests import SMALLEST

from pawl.api.learning_loop import MAX_LOOP_NAME
from pawl.api.problems import problems_of


def manifest(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": SMALLEST[kind] | spec,
    }


def test_every_loop_can_name_its_children_for_ten_million_turns() -> None:
    longest = "f" * MAX_LOOP_NAME
    assert problems_of(manifest("LearningLoop", longest)) == ()
    for kind in ("TrainingRun", "Experiment"):
        assert problems_of(manifest(kind, f"{longest}-9999999")) == ()


def test_a_name_that_leaves_no_room_is_refused_with_the_reason() -> None:
    [found] = problems_of(manifest("LearningLoop", "f" * (MAX_LOOP_NAME + 1)))
    assert found.field == "metadata.name"
    assert "names of its TrainingRuns and Experiments" in found.remedy


@pytest.mark.parametrize("weight", [0, 100])
def test_a_treatment_weight_leaves_users_in_both_arms(weight: int) -> None:
    metrics = [{"name": "accuracy", "role": "Primary"}]
    template = {"spec": {"metrics": metrics}, "treatmentWeight": weight}
    [found] = problems_of(manifest("LearningLoop", "facts", stage="Live", experimentTemplate=template))
    assert found.field == "spec.experimentTemplate.treatmentWeight"
