"""One attempt as the operator sees it: lines of progress, exactly one report, an exit code."""

import json

import pytest
from training_samples import plan, plan_document, samples

from pawl_trainers.harness import run as harness
from pawl_trainers.harness.command import run
from pawl_trainers.harness.dataset import dataset_of
from pawl_trainers.harness.examples_source import ExamplesSource
from pawl_trainers.harness.report import MAX_MESSAGE, Report, progress_line
from pawl_trainers.harness.run import counts_of, shortage
from pawl_trainers.harness.split import split


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """Runs one attempt on the given examples, with changes to the plan; returns exit code, progress and report."""
    token = tmp_path / "token"
    token.write_text("secret")

    def attempted(examples, **changes):
        monkeypatch.setattr(ExamplesSource, "read", lambda source, plan: examples)
        environ = {
            "PAWL_PLAN": json.dumps(plan_document(register=False, **changes)),
            "PAWL_COLLECTOR_URL": "http://collector",
            "PAWL_COLLECTOR_TOKEN_FILE": str(token),
            "PAWL_WORKSPACE": str(tmp_path),
        }
        lines: list[str] = []
        code = run(environ, lines.append)
        *progress, report = [line.partition(" ") for line in lines]
        assert {kind for kind, _, _ in progress} <= {"pawl-progress"}
        assert report[0] == "pawl-report"
        return code, [json.loads(body) for _, _, body in progress], json.loads(report[2])

    return attempted


def test_a_run_ends_with_what_was_learned_and_measured(attempt):
    code, progress, report = attempt(samples(40))

    assert (code, report["outcome"]) == (0, "Succeeded")
    assert report["dataset"]["have"] == 320
    assert report["gate"]["passed"]
    assert {one["name"] for one in report["metrics"]} >= {"f1", "f1-lower", "seconds", "test-people"}
    assert report["registered"] is None
    percents = [line["percent"] for line in progress]
    assert percents == sorted(percents)
    assert {line["stage"] for line in progress} == {"dataset", "train", "export", "evaluate", "gate"}


def test_a_refusal_is_a_finding(attempt):
    code, _, report = attempt(samples(40), gate={"floor": "2"})

    assert (code, report["outcome"], report["gate"]["passed"]) == (0, "GateRefused", False)
    assert "below the floor 2" in report["message"]


def test_too_few_examples_are_told_with_what_is_there_and_what_is_asked(attempt):
    code, _, report = attempt(samples(2))

    assert (code, report["outcome"]) == (3, "TooFewExamples")
    assert (report["dataset"]["have"], report["dataset"]["need"]) == (16, 100)
    assert report["metrics"] == []
    assert report["gate"] is None
    assert "16 examples of 100" in report["message"]


def test_parts_without_anybody_are_too_few_examples():
    dataset = dataset_of(samples(1), "span-f1")
    parts = split(dataset.examples, 10, 40, 42)
    few = plan(dataset=plan_document()["dataset"] | {"minExamples": 1})

    assert "part of 8 examples is empty" in shortage(counts_of(dataset, parts, few), parts)


def test_a_trainer_that_cannot_learn_fails_with_its_own_words(attempt):
    code, _, report = attempt(samples(40), parameters={"depth": "9"})

    assert (code, report["outcome"]) == (1, "Failed")
    assert report["message"].startswith("parameters.depth: is not known")


def test_what_nobody_foresaw_is_reported_too(attempt, monkeypatch, capsys):
    monkeypatch.setattr(harness, "dataset_of", lambda *_: 1 / 0)
    code, _, report = attempt(samples(40))

    assert (code, report["outcome"]) == (1, "Failed")
    assert "ZeroDivisionError" in report["message"]
    assert "Traceback" in capsys.readouterr().err


def test_no_plan_is_reported_too():
    lines: list[str] = []

    assert run({}, lines.append) == 1
    assert "PAWL_PLAN" in json.loads(lines[0].removeprefix("pawl-report "))["message"]


def test_lines_are_single_and_bounded():
    line = Report("Failed", "a\nb " + "x" * 5000).line()

    assert "\n" not in line
    assert len(line) < MAX_MESSAGE + 200
    assert json.loads(progress_line("train", 2.0, "m").partition(" ")[2])["percent"] == 80
