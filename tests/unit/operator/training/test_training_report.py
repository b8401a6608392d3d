"""A log is read, never trusted: only lines of the agreed shape count, whatever else stands in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_world import DIGEST, progress, report

from pawl_operator.kinds.training_run.report import LINE_LIMIT, Log, contradiction, read

FINE = report()
TOO_MANY = [{"name": f"m{number}", "value": 1} for number in range(33)]


def test_the_last_of_each_kind_counts() -> None:
    log = read("hello\n" + progress(percent=10) + progress(percent=20) + report("Failed") + FINE + "bye\n")
    assert log.progress is not None
    assert log.progress.percent == 20
    assert log.report is not None
    assert log.report.outcome == "Succeeded"
    assert log.last == "bye"


def test_a_progress_bar_before_the_line_does_no_harm() -> None:
    assert read(f" 50%|####\r{FINE}").report is not None


@pytest.mark.parametrize(
    "line",
    [
        f"the user wrote {FINE}",
        f"(pid=7) {FINE}",
        "pawl-report {",
        "pawl-report []",
        'pawl-report {"outcome": "Registered"}',
        'pawl-report {"outcome": "Succeeded", "metrics": [{"name": "f1", "value": NaN}]}',
        'pawl-report {"outcome": "Succeeded", "metrics": [{"name": "F1 Score", "value": 1}]}',
        'pawl-report {"outcome": "Succeeded", "dataset": {"train": -1}}',
        'pawl-report {"outcome": "Succeeded", "registered": {"source": "models:/a/1", "digest": "sha256:0"}}',
        f"pawl-report {json.dumps({'outcome': 'Failed', 'more': 'x' * LINE_LIMIT})}",
        f"pawl-report {json.dumps({'outcome': 'Failed', 'metrics': TOO_MANY})}",
    ],
    ids=lambda line: line[:60],
)
def test_what_is_no_report_is_none(line: str) -> None:
    assert read(line).report is None


def test_a_newer_trainer_may_say_more_and_long_messages_are_cut() -> None:
    found = read(report(message="x" * 5000, speed="fast")).report
    assert found is not None
    assert len(found.message) == 1024


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    assert isinstance(read(text), Log)


@given(st.text(), st.text())
def test_a_report_is_found_between_any_lines(before: str, after: str) -> None:
    assert read(f"{before}\n{FINE}\n{after}").report is not None


def test_a_report_must_fit_the_run() -> None:
    found = read(FINE).report
    assert found is not None
    assert contradiction(found, model="demo.facts", register=True) == ""
    assert "spec.register is false" in contradiction(found, model="demo.facts", register=False)
    assert "no version of demo.fact" in contradiction(found, model="demo.fact", register=True)
    assert "no version of demoXfacts" in contradiction(found, model="demoXfacts", register=True)
    failed = read(report("Failed", registered={"source": "models:/demo.facts/7", "digest": DIGEST})).report
    assert failed is not None
    assert "a version was registered" in contradiction(failed, model="demo.facts", register=True)
