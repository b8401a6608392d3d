"""The demo's second act: the loop turns once, what it made ends as said, and its controls are not shipped."""

from collections.abc import Callable
from typing import Any

import pytest

from pawl_examples.bringup import Stand
from pawl_examples.loop.parity import MESSAGES
from pawl_examples.loop.turn import MOST_UNASSIGNED

Json = dict[str, Any]
Figure = Callable[[str], None]


@pytest.fixture
def turn(report: Json) -> Json:
    """The one turn, by the linear tagger."""
    [found] = report["loop"]["turns"]
    return dict(found)


def test_it_ended_as_said(report: Json) -> None:
    assert report["loop"]["problems"] == []
    assert report["asSaid"]


def test_the_turn_was_trained_shipped_and_promoted(turn: Json, figure: Figure) -> None:
    figure(f"turn of the loop, seconds by stage: {turn['seconds']}")
    figure(f"Experiment: {turn['experiment']['message']}")
    assert turn["trainer"] == "linear-tagger"
    assert turn["training"]["gate"]["passed"]
    assert turn["experiment"]["decision"] == "Ship"
    assert turn["outcome"] == "Promoted"
    assert turn["release"]["state"] == "Promoted"


def test_the_worker_ran_on_the_gpu_labelled_node(stand: Stand, turn: Json) -> None:
    nodes = stand.kube.get("nodes", "-l", "nvidia.com/gpu.present=true")["items"]
    assert turn["node"] in {node["metadata"]["name"] for node in nodes}


def test_every_user_of_the_replay_was_answered_by_the_computed_arm(report: Json, turn: Json, figure: Figure) -> None:
    seen = {"turn 1": turn["arms"]} | {one["name"]: one["arms"] for one in report["loop"]["controls"]}
    for name, arms in seen.items():
        figure(f"Experiment of {name}: {arms}")
        assert (arms["wrong"], arms["lost"]) == (0, 0)
        assert arms["unassigned"] <= MOST_UNASSIGNED * arms["requests"]
        assert min(arms["treatment_people"], arms["control_people"]) > 0


def test_what_is_served_answers_as_what_was_trained(turn: Json, figure: Figure) -> None:
    figure(f"served beside trained: {turn['parity']}")
    assert turn["parity"]["messages"] == MESSAGES
    assert turn["parity"]["different"] == 0


def test_golden_of_what_was_promoted_is_above_the_rules(report: Json, turn: Json, figure: Figure) -> None:
    rules, promoted = report["loop"]["rules"]["score"], turn["look"]["score"]
    for name, score in (("rules", rules), (turn["look"]["model"], promoted)):
        figure(f"golden F1 of {name}: {score['f1']:.3f} [{score['lower']:.3f}, {score['upper']:.3f}]")
    assert promoted["lower"] > rules["upper"]


@pytest.mark.parametrize(("name", "decision"), [("twin", "KeepControl"), ("silent", "Reject")])
def test_a_control_is_not_shipped(report: Json, name: str, decision: str, figure: Figure) -> None:
    experiment = next(one["experiment"] for one in report["loop"]["controls"] if one["name"] == name)
    figure(f"control {name}: {experiment['message']}")
    assert experiment["decision"] == decision
