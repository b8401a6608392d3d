"""What goes wrong with an attempt: it does not start, has no memory, loses its pods, takes too long."""

from datetime import timedelta

import pytest
from training_world import TrainingWorld, pod, report, running, spec

MINUTE = timedelta(minutes=1)


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
