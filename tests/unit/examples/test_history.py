"""The story is told from status alone: one line per transition, one record per release."""

from datetime import UTC, datetime
from typing import Any

from pawl_examples.history import History, asked_weight, condition, describe

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
PLAN = {"steps": [{"setWeight": 10}, {"setWeight": 100}]}


def status(phase: str, state: str, step: int, verdict: str = "", verified: int = 0, **more: Any) -> dict[str, Any]:
    release = {"number": 1, "revision": "abc", "state": state, "step": step, "totalSteps": 2, "plan": PLAN}
    return {
        "status": {
            "phase": phase,
            "message": f"{phase} it is.",
            "verdict": verdict,
            "release": release,
            "stable": {"revision": "old"},
            "traffic": {"verified": verified},
            **more,
        }
    }


def test_each_change_is_one_line_and_no_change_is_none() -> None:
    history = History("rollout/x")
    assert history.feed({"status": {"phase": "Healthy", "stable": {"revision": "old"}}}, NOW) is not None
    first = history.feed(status("Progressing", "Progressing", 1, "NoData", 10), NOW)
    assert first is not None
    assert (first.before, first.after) == ("Healthy old", "Progressing r1 step 1/2 10 % NoData")
    assert first.sentence == "Progressing it is."
    assert history.feed(status("Progressing", "Progressing", 1, "NoData", 10), NOW) is None
    assert len(history.transitions) == 2


def test_a_step_keeps_its_last_verdict_and_evidence() -> None:
    history = History("rollout/x")
    evidence = [{"metric": "accuracy", "step": 1, "estimate": "0.1", "users": 40}]
    history.feed(status("Progressing", "Progressing", 1, "NoData", 10), NOW)
    history.feed(status("Progressing", "Progressing", 1, "Pass", 10, evidence=evidence), NOW)
    history.feed(status("Progressing", "Progressing", 2, "NoData", 100, evidence=evidence), NOW)
    steps = history.releases[1].steps
    assert steps[1].verdicts == ["NoData", "Pass"]
    assert steps[1].evidence["accuracy"]["users"] == 40
    assert steps[2].evidence == {}
    assert (steps[1].weight, steps[2].weight) == (10, 100)


def test_an_ended_release_keeps_its_cause_when_the_status_goes_on() -> None:
    history = History("rollout/x")
    rollback = {"release": 1, "cause": "HarmProven", "t2": "2026-01-01T12:00:00Z"}
    history.feed(status("RollingBack", "RollingBack", 1), NOW)
    history.feed(status("Healthy", "RolledBack", 1, rollback=rollback), NOW)
    last = status("Healthy", "RolledBack", 1, rollback=rollback)
    last["status"]["message"] = "Something else."
    history.feed(last, NOW)
    record = history.releases[1]
    assert record.ended
    assert record.message == "Healthy it is."
    assert record.rollback["cause"] == "HarmProven"


def test_a_rollback_of_another_release_is_not_its_own() -> None:
    history = History("rollout/x")
    history.feed(status("Progressing", "Progressing", 1, rollback={"release": 7}), NOW)
    assert history.releases[1].rollback == {}


def test_phrases_of_objects_that_have_little_to_say() -> None:
    assert describe({}) == "Pending"
    assert describe({"phase": "Healthy", "stable": {"revision": "abc"}}) == "Healthy abc"
    assert asked_weight({"plan": PLAN}, 3) == 0
    assert condition({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "Ready")["status"] == "True"
    assert condition({}, "Ready") == {}
