"""A TrainingRun becomes a RayJob whose worker runs on the GPU-labelled node, and ends as a registered version."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from training_stand import Followed

from pawl_examples import install
from pawl_examples.bringup import Stand

Json = dict[str, Any]
GPU = "nvidia.com/gpu"
MODEL = f"{install.NAMESPACE}.taught-facts"


@pytest.fixture
def followed(trained: tuple[Followed, float]) -> Followed:
    return trained[0]


@pytest.fixture
def worker(followed: Followed) -> Json:
    found: Json = followed.objects["Pod worker"]
    return found


def owner(one: Json) -> tuple[str, str]:
    """Kind and uid of the object that controls this one."""
    [found] = [each for each in one["metadata"]["ownerReferences"] if each.get("controller")]
    return found["kind"], found["uid"]


def test_it_ends_with_a_registered_version(trained: tuple[Followed, float], figure: Callable[[str], None]) -> None:
    followed, seconds = trained
    status = followed.status
    assert status.get("phase") == "Succeeded", status
    assert (followed.condition("Succeeded")["status"], followed.condition("Succeeded")["reason"]) == (
        "True",
        "Registered",
    )
    assert status["gate"]["passed"]
    assert min(status["dataset"][part] for part in ("train", "validation", "test")) > 0
    assert [attempt["number"] for attempt in status["attempts"]] == [1]
    scores = {metric["name"]: metric["value"] for metric in status["metrics"]}
    figure(f"TrainingRun by KubeRay: {seconds:.0f} s from apply to a registered version, metrics {scores}")


def test_the_registry_has_what_the_status_says(stand: Stand, followed: Followed) -> None:
    registered = followed.status["registered"]
    assert registered["source"] == f"models:/{MODEL}/1"
    asked = {"name": MODEL, "version": "1"}
    answer = httpx.get(f"{stand.tracking}/api/2.0/mlflow/model-versions/get", params=asked, timeout=30)
    version = answer.raise_for_status().json()["model_version"]
    assert registered["digest"] in {tag["value"] for tag in version["tags"]}


def test_the_worker_ran_on_the_gpu_labelled_node(stand: Stand, followed: Followed, worker: Json) -> None:
    nodes = stand.kube.get("nodes", "-l", f"{GPU}.present=true")["items"]
    assert followed.nodes["worker"] == {node["metadata"]["name"] for node in nodes}
    assert worker["spec"]["nodeSelector"] == {f"{GPU}.present": "true"}
    assert [one["resources"]["limits"].get(GPU) for one in worker["spec"]["containers"]] == ["1"]


def test_the_head_takes_no_gpu(followed: Followed) -> None:
    head = followed.objects["Pod head"]
    assert all(GPU not in one["resources"]["limits"] for one in head["spec"]["containers"])


def test_every_child_is_owned_by_what_made_it(followed: Followed, worker: Json) -> None:
    uids = {kind: followed.objects[kind]["metadata"]["uid"] for kind in ("RayJob", "RayCluster")}
    assert owner(followed.objects["RayJob"]) == ("TrainingRun", followed.run["metadata"]["uid"])
    assert owner(followed.objects["RayCluster"]) == ("RayJob", uids["RayJob"])
    assert owner(worker) == ("RayCluster", uids["RayCluster"])


def test_the_cluster_goes_once_its_report_was_read(stand: Stand, followed: Followed) -> None:
    def gone() -> bool:
        pods = stand.kube.get("pods", "-n", install.NAMESPACE, "-l", "pawl.dev/trainingrun=taught")["items"]
        return not pods

    assert followed.status["phase"] == "Succeeded"
    install.wait_for("the end of the Ray cluster", gone, 60)
