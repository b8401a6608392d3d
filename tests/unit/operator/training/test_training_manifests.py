"""The objects of an attempt: restricted pods, a GPU for workers, a person's patch laid over them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pawl.api.training_run import TrainingRun
from pawl_operator.kinds.training_run.actions import StartAttempt
from pawl_operator.kinds.training_run.engines.kube_job import build_job
from pawl_operator.kinds.training_run.engines.kube_ray import build_ray_job
from pawl_operator.kinds.training_run.engines.port import Subject, TrainerEnvironment
from pawl_operator.kinds.training_run.engines.ray_address import jobs_api

Object = dict[str, Any]
ENVIRONMENT = TrainerEnvironment("http://collector", "http://mlflow")
WANTED = StartAttempt(3, "trainer:1", '{"run":1}', datetime(2026, 5, 4, tzinfo=UTC), 3600)
GPU = "nvidia.com/gpu"


def subject(engine: Object) -> Subject:
    spec = {"component": "facts", "trainer": "linear-tagger", "engine": engine}
    run = TrainingRun.model_validate({"metadata": {"name": "run", "namespace": "demo", "uid": "u"}, "spec": spec})
    return Subject(run, "demo", "uid-run-1")


def ray_job(**engine: object) -> Object:
    return build_ray_job(subject({"kubeRay": engine}), WANTED, ENVIRONMENT)


def job(**plan: object) -> Object:
    return build_job(subject({"job": plan}), WANTED, ENVIRONMENT)


def templates(body: Object) -> dict[str, Object]:
    """The pod templates of a RayJob or a Job, by role."""
    if body["kind"] == "Job":
        return {"trainer": body["spec"]["template"]}
    cluster = body["spec"]["rayClusterSpec"]
    return {"head": cluster["headGroupSpec"]["template"], "worker": cluster["workerGroupSpecs"][0]["template"]}


@pytest.mark.parametrize("body", [job(), ray_job()], ids=["job", "kubeRay"])
def test_every_pod_is_restricted_and_bounded(body: Object) -> None:
    for template in templates(body).values():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"], security["seccompProfile"]) == (
            True,
            10001,
            {"type": "RuntimeDefault"},
        )
        [container] = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert container["resources"]["limits"]["memory"] == "3Gi"
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes["shared-memory"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "256Mi"}
        assert volumes["scratch"]["emptyDir"]["sizeLimit"]
        assert volumes["key"]["secret"]["secretName"] == "pawl-trainer"
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {"/tmp": "scratch", "/dev/shm": "shared-memory", "/var/run/pawl/trainer": "key"}
        env = {variable["name"]: variable["value"] for variable in container["env"]}
        assert env["HOME"] == "/tmp"
        assert env["PAWL_PLAN"] == '{"run":1}'
        assert env["PAWL_COLLECTOR_TOKEN_FILE"] == "/var/run/pawl/trainer/token"
        assert (env["PAWL_COLLECTOR_URL"], env["MLFLOW_TRACKING_URI"]) == ("http://collector", "http://mlflow")


@pytest.mark.parametrize("body", [job(), ray_job()], ids=["job", "kubeRay"])
def test_every_object_is_owned_named_and_found_by_its_label(body: Object) -> None:
    metadata = body["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("run-3", "demo")
    assert metadata["annotations"] == {"pawl.dev/dataset-until": "2026-05-04T00:00:00Z"}
    [owner] = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == (
        "TrainingRun",
        "run",
        "uid-run-1",
        True,
    )
    for template in (body, *templates(body).values()):
        labels = template["metadata"]["labels"]
        assert (labels["pawl.dev/trainingrun"], labels["pawl.dev/attempt"]) == ("run", "3")


def test_a_ray_job_is_tried_once_by_http_and_outlives_its_end_for_the_log() -> None:
    spec = ray_job()["spec"]
    assert spec["entrypoint"] == "python -m pawl_trainers run"
    assert (spec["submissionMode"], spec["backoffLimit"], spec["activeDeadlineSeconds"]) == ("HTTPMode", 0, 3600)
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] >= 600


def test_workers_take_a_gpu_on_a_labelled_node_and_the_head_does_not() -> None:
    found = templates(ray_job())
    worker = found["worker"]["spec"]
    assert worker["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert worker["tolerations"] == [{"key": GPU, "operator": "Exists"}]
    assert worker["containers"][0]["resources"]["limits"][GPU] == 1
    assert "nodeSelector" not in found["head"]["spec"]
    assert GPU not in found["head"]["spec"]["containers"][0]["resources"]["limits"]


def test_ray_gets_one_place_for_trainers_a_worker_and_no_gpu() -> None:
    cluster = ray_job(worker={"replicas": 2, "resources": {"limits": {"cpu": "2500m"}}})["spec"]["rayClusterSpec"]
    [workers] = cluster["workerGroupSpecs"]
    assert (workers["replicas"], workers["minReplicas"], workers["maxReplicas"]) == (2, 2, 2)
    assert workers["rayStartParams"]["resources"] == '"{\\"trainer\\": 1}"'
    assert (workers["rayStartParams"]["num-cpus"], workers["rayStartParams"]["num-gpus"]) == ("3", "0")
    head = cluster["headGroupSpec"]["rayStartParams"]
    assert (head["num-cpus"], head["num-gpus"]) == ("1", "0")
    assert head["dashboard-host"] == "0.0.0.0"  # noqa: S104 - the pod's own address
    assert "resources" not in head


def test_probes_are_our_own_because_kuberays_call_wget() -> None:
    found = {role: template["spec"]["containers"][0] for role, template in templates(ray_job()).items()}
    for probe in ("readinessProbe", "livenessProbe"):
        assert found["head"][probe]["httpGet"] == {"path": "/api/gcs_healthz", "port": 8265}
        assert found["worker"][probe]["tcpSocket"] == {"port": 52365}


def test_a_gpu_of_zero_is_none_and_a_job_gets_one_when_it_asks() -> None:
    without = templates(ray_job(worker={"resources": {"limits": {GPU: 0}}}))["worker"]["spec"]
    assert "nodeSelector" not in without
    assert GPU not in without["containers"][0]["resources"]["limits"]
    asked = templates(job(resources={"limits": {GPU: 2}}))["trainer"]["spec"]
    assert asked["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert asked["containers"][0]["resources"]["limits"] == {"memory": "3Gi", GPU: 2}


def test_a_request_of_ours_never_stands_above_a_limit_of_theirs() -> None:
    resources = templates(job(resources={"limits": {"memory": "512Mi"}}))["trainer"]["spec"]["containers"][0][
        "resources"
    ]
    assert resources == {"requests": {"cpu": "100m"}, "limits": {"memory": "512Mi"}}


def test_a_persons_patch_is_laid_over_and_the_labels_stay_ours() -> None:
    patch = {
        "metadata": {"labels": {"team": "nlp", "pawl.dev/attempt": "9"}},
        "spec": {
            "nodeSelector": {"pool": "x"},
            "containers": [{"name": "trainer", "env": [{"name": "A", "value": "b"}]}],
        },
    }
    template = templates(job(template=patch))["trainer"]
    assert template["metadata"]["labels"]["pawl.dev/attempt"] == "3"
    assert template["metadata"]["labels"]["team"] == "nlp"
    assert template["spec"]["nodeSelector"] == {"pool": "x"}
    assert template["spec"]["restartPolicy"] == "Never"
    env = {variable["name"]: variable["value"] for variable in template["spec"]["containers"][0]["env"]}
    assert (env["A"], env["HOME"]) == ("b", "/tmp")


def test_a_job_is_tried_once() -> None:
    spec = job()["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 3600)
    assert spec["template"]["spec"]["containers"][0]["command"] == ["python", "-m", "pawl_trainers", "run"]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("ray://ray-head:10001", "http://ray-head:8265"),
        ("ray://ray-head", "http://ray-head:8265"),
        ("ray://[fd00::1]:10001", "http://[fd00::1]:8265"),
        ("http://ray:8265/", "http://ray:8265"),
        ("https://ray.example/prefix", "https://ray.example/prefix"),
    ],
)
def test_the_jobs_api_of_an_address(address: str, url: str) -> None:
    assert jobs_api(subject({"rayAddress": address})) == url


def test_bodies_are_json() -> None:
    assert json.loads(json.dumps(ray_job())) == ray_job()
