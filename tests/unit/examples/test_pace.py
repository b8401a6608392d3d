"""A day becomes seconds, minUsers follow from what real people give, and nothing else of the manifest changes."""

from pathlib import Path

import pytest
import yaml

from pawl.api.rollout import Rollout
from pawl.durations import parse_duration
from pawl.rates import parse_percent
from pawl_examples.dataset import load_material
from pawl_examples.pace import FEWEST, Numbers, Times, compress, fewest_in_arm, numbers

MANIFESTS = Path(__file__).resolve().parents[3] / "examples" / "manifests"
COUNTED = Numbers(labelled=60, speaking=300, accuracy=30, latency=17)


def manifest() -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load((MANIFESTS / "rollout.yaml").read_text())
    return loaded


def test_the_manifest_and_its_compressed_form_are_both_valid() -> None:
    assert Rollout.model_validate(manifest()).spec.steps[0].hold == "24h"
    compressed = Rollout.model_validate(compress(manifest(), Times(), COUNTED))
    assert [step.hold for step in compressed.spec.steps] == [f"{Times().hold}s"] * 5
    assert [metric.min_users for metric in compressed.spec.analysis.metrics] == [30, 17]
    assert parse_percent(compressed.spec.analysis.hard_limits.error_rate.limit) == 0.05


def test_what_is_served_judged_and_asked_stays_as_it_was() -> None:
    before, after = Rollout.model_validate(manifest()), Rollout.model_validate(compress(manifest(), Times(), COUNTED))
    assert after.spec.serve == before.spec.serve
    assert after.spec.analysis.alpha == before.spec.analysis.alpha
    assert [metric.margin for metric in after.spec.analysis.metrics] == [
        metric.margin for metric in before.spec.analysis.metrics
    ]
    assert [step.set_weight for step in after.spec.steps] == [10, 25, 50, 75, 100]


def leaves(data: object, place: str = "") -> dict[str, object]:
    """Every value of a document by its place, such as `spec.steps.0.hold`."""
    if isinstance(data, dict):
        inner = {str(key): value for key, value in data.items()}
    elif isinstance(data, list):
        inner = {str(index): value for index, value in enumerate(data)}
    else:
        return {place: data}
    return {deep: leaf for key, value in inner.items() for deep, leaf in leaves(value, f"{place}.{key}").items()}


def test_only_times_and_numbers_of_users_are_other_than_in_the_manifest() -> None:
    before, after = leaves(manifest()), leaves(compress(manifest(), Times(), COUNTED))
    changed = {place for place in before | after if before.get(place) != after.get(place)}
    users = {place for place in changed if place.endswith(("minUsers", "expectedUsers"))}
    assert len(users) == 3
    for place in changed - users:
        assert parse_duration(str(after[place])) < parse_duration(str(before[place])), place


@pytest.mark.parametrize(("people", "percent", "fewest"), [(300, 10, 17), (300, 50, 129), (300, 100, 300)])
def test_the_fewest_that_an_arm_has(people: int, percent: int, fewest: int) -> None:
    assert fewest_in_arm(people, percent) == fewest


def test_min_users_are_what_the_replay_gives() -> None:
    counted = numbers(load_material(), Times(), 10)
    assert FEWEST <= counted.accuracy <= counted.labelled <= 193
    assert FEWEST <= counted.latency <= counted.speaking / 10
    assert counted.speaking >= counted.labelled
