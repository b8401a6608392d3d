"""One attempt after the other: how a run starts, is watched over, ends, is repeated, suspended and resumed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from training_world import DIGEST, START, TrainingWorld, pod, progress, report, spec

from pawl_operator.kinds.training_run import actions as act
from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import Champion, ComponentFacts

MINUTE = timedelta(minutes=1)
VERSION = {"source": "models:/demo.facts/7", "digest": DIGEST}
CHAMPION = {"source": "models:/demo.facts/6", "digest": DIGEST}


def running(**changes: object) -> TrainingWorld:
    """A world whose first attempt runs."""
    world = TrainingWorld(spec(**changes))
    world.settle()
    world.set_running()
    world.settle()
    return world


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


@pytest.mark.parametrize(
    ("change", "reason", "told"),
    [
        (
            {"unschedulable": "0/2: 2 node(s) didn't match", "wants_gpu": True},
            "NoGpuNode",
            "nvidia.com/gpu.present=true",
        ),
        ({"unschedulable": "0/2: 1 Insufficient nvidia.com/gpu", "wants_gpu": True}, "Unschedulable", "add a node"),
        ({"unschedulable": "0/2: 2 Insufficient cpu"}, "Unschedulable", "lower spec.engine.kubeRay.worker.resources"),
        ({"image": "trainer:1"}, "ImagePullFailed", "pull secret"),
        ({"waiting": "CreateContainerConfigError: no key"}, "ContainerNotMade", "pawl-trainer"),
        ({}, "StartDeadlineExceeded", "not ready yet"),
    ],
    ids=str,
)
def test_what_does_not_start_says_why_at_once_and_ends_at_the_deadline(
    change: dict[str, object], reason: str, told: str
) -> None:
    world = TrainingWorld(spec(engine={"kubeRay": {}}))
    world.settle()
    world.pods = (pod(world, "head", ready=True, not_ready_since=None), pod(world, "worker", **change))
    world.stay(MINUTE)
    if change:
        assert world.condition("Running") == ("False", reason)
    assert told in world.status.message
    assert world.status.phase == "Pending"
    world.wait_phase("Failed", timedelta(minutes=10))
    assert world.condition("Succeeded") == ("False", reason)
    assert "not running after 10 min" in world.status.message
    assert world.attempts == {}
    assert len(world.started) == 1


def test_out_of_memory_names_the_limit_to_raise_and_is_not_tried_again() -> None:
    world = running(engine={"kubeRay": {}})
    world.pods = (pod(world, "worker", out_of_memory=True, memory_limit="3Gi"),)
    world.end("Failed", "", "AppFailed: a worker died")
    world.wait_phase("Failed", MINUTE)
    assert world.condition("Succeeded") == ("False", "OutOfMemory")
    assert "raise spec.engine.kubeRay.worker.resources.limits.memory, now 3Gi" in world.status.message


def test_out_of_memory_is_known_from_what_ray_says_too() -> None:
    world = running(engine={"rayAddress": "http://ray:8265"})
    world.end("Failed", "ray.exceptions.OutOfMemoryError: Task was killed\n")
    world.wait_phase("Failed", MINUTE)
    assert world.condition("Succeeded") == ("False", "OutOfMemory")


def test_a_running_training_whose_pods_do_not_come_back_is_repeated() -> None:
    world = running(engine={"kubeRay": {}})
    world.pods = (pod(world, "head", unschedulable="0/2: 2 Insufficient memory"),)
    world.stay(timedelta(minutes=9))
    assert world.status.phase == "Running"
    world.run(lambda w: w.status.attempts[-1].reason == "PodsLost", timedelta(minutes=2))
    assert "run-head" in world.status.attempts[-1].message
    assert "no node has room" in world.status.attempts[-1].message
    world.pods = ()
    world.run(lambda w: max(w.attempts, default=0) == 2, MINUTE)


def test_a_running_job_whose_head_is_gone_is_lost_at_once_for_nobody_makes_another() -> None:
    world = running(engine={"kubeRay": {}})
    world.pods = (pod(world, "head", not_ready_since=None), pod(world, "worker", not_ready_since=None))
    world.stay(MINUTE)
    assert world.status.attempts[-1].reason == ""
    world.pods = (pod(world, "worker", not_ready_since=None),)
    world.settle()
    assert (world.status.attempts[-1].number, world.status.attempts[-1].reason) == (1, "PodsLost")
    assert "head" in world.status.attempts[-1].message
    world.pods = ()
    world.run(lambda w: max(w.attempts, default=0) == 2, MINUTE)


def test_a_head_that_dies_late_and_gets_its_job_again_is_no_late_start() -> None:
    world = running(engine={"kubeRay": {}})
    world.stay(timedelta(hours=1))
    world.newest.stage, world.newest.text = "Pending", ""
    world.stay(MINUTE)
    assert world.condition("Running") == ("False", "Starting")
    assert world.status.message == "attempt 1 is starting once more"
    world.set_running()
    world.end("Succeeded", report())
    world.settle()
    assert (world.status.phase, len(world.started)) == ("Succeeded", 1)


def test_what_somebody_deletes_is_made_again_as_the_next_attempt() -> None:
    world = running()
    world.attempts.clear()
    world.settle()
    assert world.status.attempts[-1].reason == "Vanished"
    world.run(lambda w: bool(w.attempts), MINUTE)
    assert world.newest.number == 2


def test_all_attempts_together_have_one_deadline_and_pauses_do_not_count() -> None:
    world = running(activeDeadline="1h", backoffLimit=10)
    world.stay(timedelta(minutes=40))
    world.end("Failed", report("Failed"))
    world.run(lambda w: max(w.attempts) == 2)
    world.set_running()
    begin = world.now
    world.wait_phase("Failed", timedelta(hours=1))
    assert timedelta(minutes=20) <= world.now - begin <= timedelta(minutes=20, seconds=10)
    assert world.condition("Succeeded") == ("False", "DeadlineExceeded")
    assert 2 not in world.attempts


def test_suspend_stops_and_a_new_attempt_follows_that_costs_no_failure() -> None:
    world = running()
    world.stay(10 * MINUTE)
    world.edit(suspend=True)
    world.settle()
    assert (world.status.phase, world.attempts) == ("Suspended", {})
    assert world.condition("Suspended") == ("True", "Suspended")
    world.stay(timedelta(days=3))
    world.edit(suspend=False)
    world.settle()
    assert world.newest.number == 2
    assert [entry.reason for entry in world.status.attempts] == ["Suspended", ""]
    assert (world.status.failures, world.status.active_seconds) == (0, 600)
    assert world.condition("Suspended") == ("False", "NotSuspended")
    assert world.started[0].until == world.started[1].until == START


def test_a_run_that_is_suspended_from_the_start_starts_nothing() -> None:
    world = TrainingWorld(spec(suspend=True))
    world.settle()
    assert (world.status.phase, world.status.started_at, world.attempts) == ("Suspended", None, {})


def test_an_attempt_that_has_ended_is_read_even_if_suspend_comes() -> None:
    world = running()
    world.end("Succeeded", report())
    world.edit(suspend=True)
    world.settle()
    assert world.condition("Succeeded") == ("True", "Registered")


def test_a_namesake_of_another_run_is_waited_for_and_never_touched() -> None:
    world = TrainingWorld()
    world.reconcile(stop_after=1)
    assert world.attempts == {}
    other = TrainingWorld()
    other.settle()
    world.attempts[1] = replace(other.newest, owned=False, text=report(), stage="Succeeded")
    world.settle()
    assert world.condition("Running") == ("False", "NameTaken")
    assert world.status.attempts[-1].uid == ""
    assert world.retired == []
    del world.attempts[1]
    world.run(lambda w: bool(w.attempts), MINUTE)


def test_an_attempt_that_is_refused_as_written_ends_the_run() -> None:
    world = TrainingWorld(refuses="spec.template.spec.containers[0].image: Required value")
    world.settle()
    assert world.condition("Succeeded") == ("False", "StartRefused")
    assert "Required value" in world.status.message


def test_a_champion_that_is_no_longer_served_ends_a_run_that_has_begun() -> None:
    champion = Champion("0123456789", "http://x")
    world = TrainingWorld(spec(gate={"champion": CHAMPION}), champion=champion)
    world.settle()
    world.end("Failed", report("Failed"))
    world.settle()
    world.champion = None
    world.wait_phase("Failed", MINUTE)
    assert world.condition("Succeeded") == ("False", "ChampionNotServed")
    assert world.condition("Accepted") == ("False", "ChampionNotServed")


def test_a_lost_status_is_found_again_by_the_attempt_that_runs() -> None:
    world = running()
    world.end("Failed", report("Failed"))
    world.run(lambda w: max(w.attempts) == 2)
    world.set_running()
    world.now += 10 * MINUTE
    world.lose_status()
    world.settle()
    assert [entry.number for entry in world.status.attempts] == [2]
    assert world.status.dataset is not None
    assert world.status.dataset.until == START
    assert len(world.started) == 2
    world.end("Succeeded", report())
    world.settle()
    assert world.status.phase == "Succeeded"


def test_a_finished_run_is_deleted_when_its_time_has_passed() -> None:
    world = running(ttlSecondsAfterFinished=60)
    world.end("Succeeded", report())
    world.settle()
    assert world.wake_at is not None
    assert world.wake_at <= world.now + MINUTE
    world.run(lambda w: w.gone, 2 * MINUTE)
    assert world.now == START + MINUTE


def test_a_finished_run_stays_as_it_is() -> None:
    world = running()
    world.end("Succeeded", report())
    world.settle()
    before = world.status
    world.attempts.clear()
    world.component = None
    world.edit(suspend=True)
    world.stay(timedelta(days=1))
    assert world.status == before


def test_a_job_in_somebody_elses_cluster_is_stopped_before_the_run_goes() -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "ray://ray:10001"}))
    world.settle()
    assert world.finalizers == {act.FINALIZER}
    world.set_running()
    world.settle()
    world.deleting_since = world.now
    world.settle()
    assert (world.gone, world.attempts) == (True, {})


def test_a_cluster_that_does_not_answer_holds_a_deletion_up_for_five_minutes_at_most() -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "ray://ray:10001"}))
    world.settle()
    world.deleting_since, world.unreachable = world.now, "no answer"
    world.stay(timedelta(minutes=4))
    assert not world.gone
    world.run(lambda w: w.gone, timedelta(minutes=2))
    assert world.events[-1].reason == "EngineUnreachable"


def test_a_cluster_that_does_not_answer_changes_nothing_until_the_deadline() -> None:
    world = running(engine={"rayAddress": "http://ray:8265"}, activeDeadline="1h")
    world.unreachable = "the Ray cluster does not answer"
    world.stay(timedelta(minutes=30))
    assert world.condition("Running") == ("Unknown", "EngineUnreachable")
    world.wait_phase("Failed", timedelta(hours=1))
    assert world.condition("Succeeded") == ("False", "DeadlineExceeded")
    world.unreachable = ""
    world.stay(2 * MINUTE)
    assert world.attempts == {}
    assert world.finalizers == set()


def test_a_cluster_that_never_answers_ends_the_run_at_the_start_deadline() -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "http://ray:8265"}), unreachable="no answer")
    world.wait_phase("Failed", timedelta(minutes=11))
    assert world.condition("Succeeded") == ("False", "StartDeadlineExceeded")


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_kill_after_any_write_of_the_first_pass_changes_nothing(stop_after: int) -> None:
    world = TrainingWorld(spec(engine={"rayAddress": "http://ray:8265"}))
    world.reconcile(stop_after=stop_after)
    world.settle()
    assert [attempt.number for attempt in world.attempts.values()] == [1]
    assert [entry.number for entry in world.status.attempts] == [1]
    assert len(world.started) == 1


def test_the_engine_ends_an_attempt_by_itself_if_the_operator_never_comes_back() -> None:
    world = TrainingWorld(spec(activeDeadline="2h"))
    world.settle()
    assert world.started[0].seconds == 2 * 3600 + 60
    longest = TrainingWorld(spec(activeDeadline="999999h"))
    longest.settle()
    assert longest.started[0].seconds == 2**31 - 1
