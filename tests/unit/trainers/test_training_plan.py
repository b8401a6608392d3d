"""The plan: read whole, and refused with field, value and remedy for every mistake at once."""

import json

import pytest
from training_samples import plan, plan_document

from pawl_trainers.harness.environment import surroundings
from pawl_trainers.harness.plan import PlanError, read_plan

CHAMPION = {"revision": "0123456789", "source": "models:/a/1", "digest": "", "url": "http://m.shop.svc/v2/models/facts"}


def test_a_plan_is_read_with_the_names_of_the_wire():
    found = plan(gate={"champion": CHAMPION, "floor": None, "minImprovement": "0.01", "alpha": "0.05"})

    assert (found.dataset.min_examples, found.register_, found.gate.floor) == (100, True, None)
    assert found.gate.champion is not None
    assert found.gate.champion.url == CHAMPION["url"]
    assert found.label_rules == "correction:Given,confirmation:Shown"


def test_a_label_kind_that_gives_no_truth_is_not_asked_for():
    assert plan(labels={"correction": "Given", "thumbs": "None"}).label_rules == "correction:Given"


def test_every_mistake_is_told_at_once_with_its_value():
    document = plan_document(seed=-1, score="squared-error", colour="red", run=None)
    with pytest.raises(PlanError) as refused:
        read_plan(json.dumps(document))

    said = str(refused.value)
    for words in ("seed (-1)", 'score ("squared-error")', "judge it by an Experiment", 'colour ("red")', "run"):
        assert words in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gate": {"alpha": "0.7"}}, "gate.alpha"),
        ({"gate": {"minImprovement": "1e9"}}, "gate.minImprovement"),
        ({"gate": {"champion": CHAMPION | {"url": "ftp://x"}}}, "gate.champion.url"),
        ({"dataset": {"until": "2026-11-01T00:00:00", "minExamples": 1}}, "dataset.until"),
        ({"dataset": {"until": "2026-11-01T00:00:00Z", "minExamples": 1, "testPercent": 90}}, "dataset.testPercent"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(changes, words):
    with pytest.raises(PlanError, match=words):
        plan(**changes)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_what_is_no_plan_at_all_is_refused(text):
    with pytest.raises(PlanError, match="PAWL_PLAN"):
        read_plan(text)


def _environ(tmp_path, **changes):
    token = tmp_path / "token"
    token.write_text("secret\n")
    environ = {
        "PAWL_PLAN": json.dumps(plan_document()),
        "PAWL_COLLECTOR_URL": "http://collector:8080/",
        "PAWL_COLLECTOR_TOKEN_FILE": str(token),
        "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        "PAWL_WORKSPACE": str(tmp_path / "work"),
    }
    return {name: value for name, value in (environ | changes).items() if value is not None}


def test_the_surroundings_have_a_fresh_workspace_that_is_gone_afterwards(tmp_path):
    with surroundings(_environ(tmp_path)) as (found, around):
        assert around.workspace.parent == tmp_path / "work"
        assert list(around.workspace.iterdir()) == []
        assert (around.collector, found.seed) == ("http://collector:8080", 42)

    assert not around.workspace.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_TRACKING_URI", None),
        ("PAWL_COLLECTOR_URL", "collector"),
        ("PAWL_COLLECTOR_TOKEN_FILE", "/nowhere/token"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path, name, value):
    with pytest.raises(PlanError, match=name), surroundings(_environ(tmp_path, **{name: value})):
        pass


def test_without_registration_no_registry_is_needed(tmp_path):
    changes = {"MLFLOW_TRACKING_URI": None, "PAWL_PLAN": json.dumps(plan_document(register=False))}
    with surroundings(_environ(tmp_path, **changes)) as (_, around):
        assert around.tracking == ""
