"""The story is told from status alone: one line per transition, one record per release."""

from datetime import UTC, datetime
from typing import Any

from pawl_examples.history import History, asked_weight, condition, describe

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
PLAN = {"steps": [{"setWeight": 10}, {"setWeight": 100}]}


def status(phase: str, state: str, step: int, verdict: str = "", verified: int = 0, **more: Any) -> dict[str, Any]:
    started = {"stepStartedAt": "2026-01-01T12:00:00Z"} if more.pop("started", True) else {}
    release = {"number": 1, "revision": "abc", "state": state, "step": step, "totalSteps": 2, "plan": PLAN, **started}
    return {
        "status": {
            "phase": phase,
            "message": f"{phase} it is.",
            "verdict": verdict,
            "release": release,
            "stable": {"revision": "old"},
            "traffic": {"verified": verified, "desired": more.pop("desired", verified)},
            **more,
        }
    }


def test_each_change_is_one_line_and_no_change_is_none() -> None:
    history = History("rollout/x")
    assert history.feed({"status": {"phase": "Healthy", "stable": {"revision": "old"}}}, NOW) is not None
    first = history.feed(status("Progressing", "Progressing", 1, "NoData", 10), NOW)
    assert first is not None
    assert (first.before, first.after) == ("Healthy old", "r1 1/2 10% NoData")
    assert first.sentence == "Progressing it is."
    assert history.feed(status("Progressing", "Progressing", 1, "NoData", 10), NOW) is None
    assert len(history.transitions) == 2


def told(step: int, estimate: str = "0.1") -> list[dict[str, Any]]:
    return [{"metric": "accuracy", "step": step, "estimate": estimate, "users": 40}]


def test_the_pass_that_raises_a_step_speaks_of_the_step_before() -> None:
    history = History("rollout/x")
    history.feed(status("Progressing", "Progressing", 1, "NoData", 10), NOW)
    history.feed(status("Progressing", "Progressing", 2, "Pass", 10, desired=100, started=False, evidence=told(1)), NOW)
    history.feed(status("Progressing", "Progressing", 2, "NoData", 100, evidence=told(2, "0")), NOW)
    steps = history.releases[1].steps
    assert steps[1].verdicts == ["NoData", "Pass"]
    assert steps[1].evidence["accuracy"]["estimate"] == "0.1"
    assert steps[2].verdicts == ["NoData"]
    assert steps[2].evidence["accuracy"]["estimate"] == "0"
    assert (steps[1].weight, steps[2].weight) == (10, 100)


def test_a_step_keeps_the_weight_that_was_verified_on_the_route_while_it_held() -> None:
    history = History("rollout/x")
    history.feed(status("Progressing", "Progressing", 1, verified=0, desired=10, started=False), NOW)
    assert history.releases[1].steps[1].verified_weight is None
    history.feed(status("Progressing", "Progressing", 1, "NoData", 10), NOW)
    under_way = status("Progressing", "Progressing", 2, "Pass", 10, desired=100, started=False, evidence=told(1))
    under_way["status"]["traffic"]["opId"] = "1-2"
    history.feed(under_way, NOW)
    assert [step.verified_weight for step in history.releases[1].steps.values()] == [10]
    history.feed(status("Progressing", "Progressing", 2, "NoData", 97), NOW)
    for state in ("RollingBack", "RolledBack"):
        history.feed(status(state, state, 2, verified=0), NOW)
    steps = history.releases[1].steps
    assert [(step.weight, step.verified_weight) for step in steps.values()] == [(10, 10), (100, 97)]


def test_verdicts_without_new_evidence_are_those_of_the_present_step() -> None:
    history = History("rollout/x")
    history.feed(status("Progressing", "Progressing", 1, "Pass", 10, evidence=told(1)), NOW)
    history.feed(status("Progressing", "Progressing", 2, "Unavailable", 10, started=False, evidence=told(1)), NOW)
    steps = history.releases[1].steps
    assert (steps[1].verdict, steps[2].verdict) == ("Pass", "Unavailable")


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
    assert (
        describe(status("Progressing", "Progressing", 2, "Pass", 10, desired=100, started=False)["status"])
        == "r1 2/2 to 100%"
    )
    assert describe(status("RollingBack", "RollingBack", 1)["status"]) == "r1 rolling back"
    assert describe(status("Paused", "Progressing", 1, "Pass", 10)["status"]) == "r1 1/2 10% paused Pass"
    assert describe({"phase": "Healthy", "stable": {"revision": "abc"}}) == "Healthy abc"
    assert asked_weight({"plan": PLAN}, 3) == 0
    assert condition({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "Ready")["status"] == "True"
    assert condition({}, "Ready") == {}
