"""Whether a release went as said is decided from the rows and the record alone, and the report holds all of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pawl_examples.checks import problems_of, timing
from pawl_examples.history import ReleaseRecord, StepRecord, Transition
from pawl_examples.ledger import Row
from pawl_examples.pace import Times
from pawl_examples.report import Result, write_report
from pawl_examples.scenarios import scenarios
from pawl_examples.tables import Outcome

TIMES = Times(scrape=1, interval=1)
TWIN, SLOW, CRASH, *_ = scenarios("image:twin")
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC).timestamp()
ROLLBACK = {
    "release": 2,
    "cause": "HarmProven",
    "t0": "2026-01-01T12:00:01Z",
    "t1": "2026-01-01T12:00:05Z",
    "t2": "2026-01-01T12:00:06.5Z",
}
RECORD = ReleaseRecord(2, "abc", "sha256:1", state="RolledBack", steps={1: StepRecord(10)}, rollback=ROLLBACK)


def row(user: str, arm: str, at: float, *, step: int = 1, status: int = 200, scenario: str = "b") -> Row:
    return Row(scenario, user, START + at, START + at + 0.05, status, arm, "rev", 2, step, error="")


def test_a_clean_rollback_has_no_problem() -> None:
    rows = [row("ann", "candidate", 2), row("ann", "stable", 7, step=0), row("bob", "stable", 3)]
    assert problems_of(SLOW, RECORD, rows, TIMES) == ()


def test_lost_requests_are_a_problem_unless_the_scenario_loses() -> None:
    rows = [row("ann", "candidate", 2, status=503)]
    [problem] = problems_of(SLOW, RECORD, rows, TIMES)
    assert problem.startswith("1 requests lost, the first with status 503 on arm candidate")
    assert problems_of(CRASH, RECORD, [replace(rows[0], scenario="c")], TIMES) == ()


def test_people_who_change_arms_or_stay_behind_are_problems() -> None:
    moved = [row("ann", "candidate", 2), row("ann", "stable", 3)]
    assert problems_of(SLOW, RECORD, moved, TIMES) == ("stickiness: ann met both arms in step 1",)
    behind = [row(f"p{index}", "candidate", 9) for index in range(5)]
    [problem] = problems_of(SLOW, RECORD, behind, TIMES)
    assert problem.endswith("and 2 more")


def test_a_moment_after_the_way_back_is_forgiven() -> None:
    assert problems_of(SLOW, RECORD, [row("ann", "candidate", 7.0)], TIMES) == ()


def test_no_release_is_a_problem() -> None:
    assert problems_of(TWIN, None, [], TIMES) == ("no release came of the candidate",)


def test_times_between_harm_evidence_and_the_way_back() -> None:
    assert timing(RECORD) == {"t2-t1": 1.5, "t2-t0": 5.5}
    assert timing(replace(RECORD, rollback={})) == {"t2-t1": None, "t2-t0": None}


@pytest.mark.parametrize(("seconds", "late"), [("11.9", False), ("12.1", True)])
def test_the_way_back_from_evidence_takes_a_scrape_a_look_and_five_seconds(seconds: str, late: bool) -> None:
    record = replace(RECORD, rollback={**ROLLBACK, "t2": f"2026-01-01T12:00:{seconds}Z"})
    found = problems_of(SLOW, record, [], TIMES)
    assert found == (("timing: t2-t1 was 7.1 s, at most 7.0 s are allowed",) if late else ())
    assert problems_of(SLOW, record, [], replace(TIMES, scrape=2)) == ()
    assert problems_of(TWIN, record, [], TIMES) == ()


@pytest.mark.parametrize(("seconds", "late"), [("10.9", False), ("11.1", True)])
def test_the_way_back_from_a_crash_takes_ten_seconds(seconds: str, late: bool) -> None:
    record = replace(RECORD, rollback={**ROLLBACK, "t2": f"2026-01-01T12:00:{seconds}Z"})
    found = problems_of(CRASH, record, [], TIMES)
    assert found == (("timing: t2-t0 was 10.1 s, at most 10.0 s are allowed",) if late else ())


def test_a_way_back_of_unknown_length_is_a_problem() -> None:
    record = replace(RECORD, rollback={key: value for key, value in ROLLBACK.items() if key != "t0"})
    assert problems_of(SLOW, record, [], TIMES) == ()
    assert problems_of(CRASH, record, [], TIMES) == ("timing: t2-t0 is not known",)


def test_the_report_is_json_and_says_whether_all_went_as_said(tmp_path: Path) -> None:
    result = Result(outcomes=[Outcome(SLOW, RECORD), Outcome(TWIN, None)], rows=[row("ann", "candidate", 2)])
    result.transitions.append(Transition(datetime(2026, 1, 1, tzinfo=UTC), "rollout/x", "a", "b", "So it is."))
    path = tmp_path / "deep" / "report.json"
    write_report(result, path)
    written = json.loads(path.read_text())
    assert written["asSaid"] is False
    assert [one["asSaid"] for one in written["releases"]] == [True, False]
    assert written["releases"][0]["peopleExposed"] == 1
    assert written["releases"][0]["shares"]["1"]["requests"] == 1
    assert written["releases"][0]["steps"]["1"]["weight"] == 10
    assert written["releases"][0]["steps"]["1"]["verifiedWeight"] is None


def test_an_error_or_no_release_at_all_is_not_as_said() -> None:
    assert not Result().as_said
    assert Result(outcomes=[Outcome(SLOW, RECORD)]).as_said
    assert not Result(outcomes=[Outcome(SLOW, RECORD)], error="no cluster").as_said
