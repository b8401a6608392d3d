"""Trainings against a real API server: the operator is a process, what runs the attempts is played."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from polling import wait_until
from training_world import DIGEST, progress
from training_yard import PATIENCE, PAWL, Yard, set_yard

from apiserver import ApiServer

Object = dict[str, Any]
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}


@pytest.fixture(scope="module")
def yard(apiserver: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A namespace with an operator that leads; each test has a run of its own."""
    namespace = apiserver.make_namespace(f"t-{uuid4().hex[:10]}")
    with set_yard(apiserver, namespace, tmp_path_factory.mktemp("yard")) as found:
        found.start()
        yield found


def test_a_job_trains_and_its_log_says_what_came_out(yard: Yard) -> None:
    run = yard.train("plain", engine={"job": {}})
    job = yard.wait_job("plain-1")
    [owner] = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("TrainingRun", run["metadata"]["uid"], True)
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "trainer:1"
    yard.player.logs["plain-1-pod"] = "hello\n" + progress(percent=40)
    yard.player.start_pod("plain-1")
    wait_until(lambda: yard.status("plain").get("progress") == 40, PATIENCE, lambda: yard.explain("plain"))
    assert yard.condition("plain", "Running") == ("True", "Running")
    yard.player.logs["plain-1-pod"] += yard.report()
    yard.player.pod_status("plain-1-pod", phase="Succeeded")
    yard.player.end_job("plain-1")
    status = yard.wait_phase("plain", "Succeeded")
    assert status["registered"] == yard.version()
    assert (status["dataset"]["train"], status["dataset"]["digest"]) == (700, DIGEST)
    assert status["metrics"] == [{"name": "f1", "value": "0.4"}]
    assert [entry["reason"] for entry in status["attempts"]] == ["Registered"]
    assert yard.player.job("plain-1") is not None
    operator, line = yard.operator, 'pawl_training_attempts_total{engine="job",reason="Registered"}'
    assert operator is not None
    wait_until(lambda: operator.metric(line) == 1, PATIENCE, yard.explain)


def test_a_ray_job_trains_and_its_cluster_goes_when_the_report_was_read(yard: Yard) -> None:
    yard.train("ray", engine={"kubeRay": {}})
    wait_until(lambda: yard.player.ray_job("ray-1") is not None, PATIENCE, lambda: yard.explain("ray"))
    yard.player.ray_job_status("ray-1", "Initializing")
    yard.player.start_pod("ray-1", role="head")
    full = NO_NODE | {"message": "0/2 nodes are available: 1 Insufficient nvidia.com/gpu"}
    yard.player.start_pod("ray-1", role="worker", phase="Pending", conditions=[full])
    yard.wait_condition("ray", "Running", "False", "Unschedulable")
    yard.player.pod_status("ray-1-worker", phase="Running", conditions=[])
    yard.player.ray.jobs["job-1"] = {"status": "RUNNING"}
    yard.player.ray.logs["job-1"] = progress("gate", 90, "comparing")
    yard.player.ray_job_status("ray-1", "Running", "RUNNING", "job-1")
    yard.wait_phase("ray", "Gating")
    yard.player.ray.logs["job-1"] += yard.report("GateRefused")
    yard.wait_phase("ray", "Succeeded")
    assert yard.condition("ray", "Succeeded") == ("True", "GateRefused")
    yard.player.ray_job_status("ray-1", "Complete", "SUCCEEDED", "job-1")
    wait_until(lambda: time_to_live(yard, "ray-1") == 0, PATIENCE, lambda: yard.explain("ray"))


def test_a_crash_is_followed_by_the_next_attempt(yard: Yard) -> None:
    yard.train("crash", engine={"job": {}}, backoffLimit=1)
    yard.wait_job("crash-1")
    yard.player.logs["crash-1-pod"] = "boom\n"
    yard.player.start_pod("crash-1", phase="Failed")
    yard.player.end_job("crash-1", failed=True)
    yard.wait_job("crash-2")
    status = yard.status("crash")
    assert [entry["reason"] for entry in status["attempts"]] == ["TrainerCrashed", ""]
    assert "its last line: boom" in status["attempts"][0]["message"]
    assert status["failures"] == 1


def test_suspend_deletes_what_runs_and_a_new_attempt_follows(yard: Yard) -> None:
    yard.train("pause", engine={"job": {}})
    yard.wait_job("pause-1")
    yard.edit("pause", suspend=True)
    yard.wait_phase("pause", "Suspended")
    wait_until(lambda: yard.player.job("pause-1") is None, PATIENCE, lambda: yard.explain("pause"))
    yard.edit("pause", suspend=False)
    yard.wait_job("pause-2")
    yard.wait_condition("pause", "Suspended", "False", "NotSuspended")


def test_what_the_api_server_refuses_ends_the_run_with_its_words(yard: Yard) -> None:
    wrong = {"spec": {"containers": [{"name": "trainer", "image": ""}]}}
    yard.train("wrong", engine={"job": {"template": wrong}})
    status = yard.wait_phase("wrong", "Failed")
    assert yard.condition("wrong", "Succeeded") == ("False", "StartRefused")
    assert "image: Required value" in status["message"]


def test_what_is_managed_by_somebody_else_is_left_alone(yard: Yard) -> None:
    yard.train("theirs", managedBy="kueue.x-k8s.io/multikueue")
    yard.train("ours")
    yard.wait_job("ours-1")
    assert yard.status("theirs") == {}


def test_a_job_in_somebody_elses_cluster_is_submitted_once_and_stopped_with_the_run(yard: Yard) -> None:
    yard.train("far", engine={"rayAddress": yard.player.ray.url})
    name = yard.wait_ray("far")
    env = yard.player.ray.jobs[name]["submitted"]["runtime_env"]["env_vars"]
    assert env["PAWL_COLLECTOR_URL"] == "http://collector"
    yard.player.ray.jobs[name]["status"] = "RUNNING"
    yard.wait_condition("far", "Running", "True", "Running")
    yard.server.delete(PAWL, "TrainingRun", "far", yard.namespace)
    yard.wait_gone("far")
    assert name in yard.player.ray.stopped


def test_a_run_is_deleted_when_its_time_has_passed(yard: Yard) -> None:
    yard.train("brief", engine={"rayAddress": yard.player.ray.url}, ttlSecondsAfterFinished=0)
    name = yard.wait_ray("brief")
    yard.player.ray.logs[name] = yard.report()
    yard.player.ray.jobs[name]["status"] = "SUCCEEDED"
    yard.wait_gone("brief")


def time_to_live(yard: Yard, name: str) -> int:
    found = yard.player.ray_job(name)
    return int(found["spec"]["ttlSecondsAfterFinished"]) if found is not None else -1
