"""One attempt after the other: how a run starts, what it is told, and what its report says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from training_world import DIGEST, START, TrainingWorld, progress, report, running, spec

from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import Champion, ComponentFacts

MINUTE = timedelta(minutes=1)
VERSION = {"source": "models:/demo.facts/7", "digest": DIGEST}
CHAMPION = {"source": "models:/demo.facts/6", "digest": DIGEST}


def test_a_run_starts_trains_and_is_registered() -> None:
    world = TrainingWorld(spec(dataset={"window": "28d"}))
    world.settle()
    assert world.status.phase == "Pending"
    assert world.status.started_at == START
    assert world.status.dataset is not None
    assert (world.status.dataset.after, world.status.dataset.until) == (START - timedelta(days=28), START)
    world.set_running()
    world.newest.text += progress(percent=33.4)
    world.settle()
    assert (world.status.phase, world.status.progress) == ("Running", 33)
    assert world.status.message == "attempt 1 runs, train: epoch 1"
    world.newest.text += progress("gate", 80, "")
    world.settle()
    assert world.status.phase == "Gating"
    world.end("Succeeded", report())
    world.settle()
    status = world.status
    assert (status.phase, status.progress) == ("Succeeded", 100)
    assert world.condition("Succeeded") == ("True", "Registered")
    assert status.registered is not None
    assert status.registered.to_wire() == {"source": "models:/demo.facts/7", "digest": DIGEST}
    assert [entry.to_wire() for entry in status.metrics] == [{"name": "f1", "value": "0.4"}]
    assert status.gate is not None
    assert (status.gate.estimate, status.gate.lower, status.gate.upper) == ("0.25", "0.125", "0.5")
    assert status.dataset is not None
    assert (status.dataset.train, status.dataset.until) == (700, START)
    assert not world.newest.held
    assert [note.reason for note in world.events] == ["AttemptStarted", "Registered"]


def test_the_trainer_is_told_everything_it_needs_in_one_plan() -> None:
    world = TrainingWorld(
        spec(
            trainer="token-classification",
            baseModel="minilm",
            parameters={"epochs": "3", "note": "$(HOME) ${HOME}"},
            engine={"kubeRay": {}},
            gate={"champion": CHAMPION, "floor": "0.1"},
        ),
        champion=Champion("0123456789", "http://facts-0123456789.demo.svc/v2/models/facts"),
    )
    world.settle()
    assert world.started[0].image == "trainer-torch:1"
    assert "$" not in world.started[0].plan
    assert world.newest.plan == {
        "run": {"namespace": "demo", "name": "run", "uid": "uid-run-1", "attempt": 1},
        "component": "facts",
        "score": "span-f1",
        "labels": {"correction": "Given", "confirmation": "Shown"},
        "trainer": "token-classification",
        "baseModel": "minilm",
        "parameters": {"epochs": "3", "note": "$(HOME) ${HOME}"},
        "seed": 42,
        "dataset": {
            "after": None,
            "until": "2026-05-04T08:00:00Z",
            "minExamples": 1000,
            "validationPercent": 10,
            "testPercent": 20,
        },
        "gate": {
            "metric": "accuracy",
            "champion": CHAMPION
            | {"revision": "0123456789", "url": "http://facts-0123456789.demo.svc/v2/models/facts"},
            "floor": "0.1",
            "minImprovement": "0",
            "alpha": "0.05",
        },
        "register": True,
        "model": "demo.facts",
        "distributed": True,
    }


@pytest.mark.parametrize(
    ("change", "world", "reason"),
    [
        ({"trainer": "trust-score"}, {}, Reason.TRAINER_NOT_OFFERED),
        ({"trainer": "policy"}, {}, Reason.TRAINER_NOT_OFFERED),
        ({"trainer": "custom", "image": "mine:1"}, {}, Reason.TRAINER_NOT_OFFERED),
        ({"command": ["train"]}, {}, Reason.NOT_OFFERED),
        ({"gate": {"metric": "latency"}}, {}, Reason.NOT_OFFERED),
        ({"dataset": {"snapshot": {"uri": "s3://a", "digest": DIGEST}}}, {}, Reason.NOT_OFFERED),
        ({"gate": {"champion": CHAMPION}}, {}, Reason.CHAMPION_NOT_SERVED),
        ({}, {"component": None}, Reason.COMPONENT_NOT_FOUND),
        ({}, {"component": ComponentFacts("squared-error", {})}, Reason.NOT_OFFERED),
        ({"engine": {"kubeRay": {}}}, {"engine_missing": "no KubeRay: install it"}, Reason.ENGINE_MISSING),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_carried_out_says_why_and_starts_nothing(
    change: dict[str, object], world: dict[str, object], reason: Reason
) -> None:
    found = TrainingWorld(spec(**change), **world)
    found.stay(timedelta(hours=1))
    assert found.condition("Accepted") == ("False", reason)
    assert (found.status.phase, found.status.started_at, found.started) == ("Pending", None, [])
    assert ":" in found.status.message


@pytest.mark.parametrize(
    ("offer", "change", "reason"),
    [
        ({"images": {}}, {}, Reason.TRAINER_IMAGE_MISSING),
        ({"collector_url": ""}, {}, Reason.COLLECTOR_MISSING),
        ({"registry_url": ""}, {}, Reason.REGISTRY_MISSING),
    ],
    ids=str,
)
def test_what_the_installation_lacks_is_said(
    offer: dict[str, object], change: dict[str, object], reason: Reason
) -> None:
    world = TrainingWorld(spec(**change))
    world.offer = replace(world.offer, **offer)
    world.settle()
    assert world.condition("Accepted") == ("False", reason)
    assert not world.started


def test_a_run_starts_when_what_was_missing_has_come() -> None:
    world = TrainingWorld(component=None)
    world.settle()
    assert world.condition("Accepted")[0] == "False"
    world.component = TrainingWorld().component
    world.run(lambda w: bool(w.started), MINUTE)
    assert world.condition("Accepted") == ("True", "Accepted")


def test_without_a_registry_nothing_is_registered_and_that_is_success() -> None:
    world = TrainingWorld(spec(register=False))
    world.offer = replace(world.offer, registry_url="")
    world.settle()
    world.end("Succeeded", report(registered=None, message="f1 0.4"))
    world.settle()
    assert world.condition("Succeeded") == ("True", "NotRegistered")
    assert world.status.registered is None


def test_a_gate_that_refuses_is_an_answer() -> None:
    world = running()
    world.end("Succeeded", report("GateRefused", message="not better"))
    world.settle()
    assert world.condition("Succeeded") == ("True", "GateRefused")
    assert world.status.phase == "Succeeded"
    assert world.status.gate is not None
    assert not world.status.gate.passed


def test_too_few_examples_say_have_and_need_and_are_not_tried_again() -> None:
    world = running()
    few = {"digest": "", "have": 12, "need": 1000}
    world.end("Failed", report("TooFewExamples", dataset=few), "exit code 3")
    world.settle()
    assert world.condition("Succeeded") == ("False", "TooFewExamples")
    assert "12 examples, 1000 are needed" in world.status.message
    assert world.status.dataset is not None
    assert (world.status.dataset.have, world.status.dataset.need) == (12, 1000)
    assert world.status.failures == 1


def test_a_failure_is_repeated_with_growing_pauses_up_to_the_limit() -> None:
    world = running()
    for number, pause in ((1, 10), (2, 20)):
        world.end("Failed", report("Failed", message="the registry is down"))
        world.settle()
        assert world.condition("Running") == ("False", "WaitingToRepeat")
        before = world.now
        world.run(lambda w, n=number: max(w.attempts) == n + 1)
        assert world.now - before == timedelta(seconds=pause)
        world.set_running()
    world.end("Failed", report("Failed", message="the registry is down"))
    world.settle()
    assert world.condition("Succeeded") == ("False", "TrainingFailed")
    assert world.status.phase == "Failed"
    assert [entry.reason for entry in world.status.attempts] == ["TrainingFailed"] * 3
    world.stay(timedelta(hours=2))
    assert len(world.started) == 3
    assert {wanted.until for wanted in world.started} == {START}


def test_a_crash_without_a_report_tells_the_last_line() -> None:
    world = running(backoffLimit=0)
    world.end("Failed", "Traceback\nKeyError: 'slot'\n", "exit code 1")
    world.settle()
    assert world.status.phase == "Running"
    world.wait_phase("Failed", MINUTE)
    assert world.condition("Succeeded") == ("False", "TrainerCrashed")
    assert "exit code 1; its last line: KeyError: 'slot'" in world.status.message


def test_a_log_that_is_gone_is_a_missing_report_and_the_attempt_is_repeated() -> None:
    world = running()
    world.newest.log_gone = True
    world.end("Succeeded", report())
    world.settle()
    assert world.status.attempts[-1].reason == "ReportMissing"
    world.run(lambda w: max(w.attempts) == 2, MINUTE)
    world.end("Succeeded", report())
    world.wait_phase("Succeeded", MINUTE)


def test_a_late_report_still_counts() -> None:
    world = running()
    world.log_readable = False
    world.end("Succeeded", report())
    world.stay(timedelta(seconds=30))
    assert world.condition("Running") == ("False", "ReadingReport")
    world.log_readable = True
    world.settle()
    assert world.status.phase == "Succeeded"
    assert world.status.attempts[-1].finished_at == START


def test_a_log_that_stays_unreadable_is_not_waited_for_for_ever() -> None:
    world = running(backoffLimit=0)
    world.log_readable = False
    world.end("Succeeded", report())
    world.wait_phase("Failed", 2 * MINUTE)
    assert world.condition("Succeeded") == ("False", "ReportMissing")


def test_ended_without_a_word_is_a_missing_report() -> None:
    world = running(backoffLimit=0)
    world.end("Succeeded", "hello\n")
    world.wait_phase("Failed", MINUTE)
    assert world.condition("Succeeded") == ("False", "ReportMissing")


def test_a_report_counts_before_the_process_has_ended_and_its_object_stays_as_a_record() -> None:
    world = running(engine={"kubeRay": {}})
    world.newest.text += report()
    world.settle()
    assert world.status.phase == "Succeeded"
    world.stay(timedelta(seconds=30))
    assert world.newest.stage == "Running"
    world.newest.stage = "Succeeded"
    world.stay(timedelta(seconds=30))
    assert (world.newest.held, world.retired) == (False, [1])


def test_a_trainer_that_reports_and_hangs_is_stopped() -> None:
    world = running()
    world.newest.text += report()
    world.stay(2 * MINUTE)
    assert world.attempts == {}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"registered": None}, "no version is named"),
        ({"registered": {"source": "models:/demo.other/7", "digest": DIGEST}}, "no version of demo.facts"),
        ({"gate": {"passed": False}}, "the gate was not passed"),
        ({"outcome": "GateRefused", "registered": VERSION}, "a version was registered"),
    ],
    ids=str,
)
def test_a_report_that_cannot_be_true_is_none(changes: dict[str, object], told: str) -> None:
    world = running(backoffLimit=0)
    world.end("Succeeded", report(**changes))
    world.wait_phase("Failed", MINUTE)
    assert world.condition("Succeeded") == ("False", "ReportMissing")
    assert told in world.status.message
    assert (world.status.registered, world.status.gate) == (None, None)
