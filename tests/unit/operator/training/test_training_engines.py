"""From what Kubernetes and Ray say to what an attempt is: stages, pods, logs, and what is given back how."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from pawl.api.training_run import TrainingRun
from pawl.errors import Conflict, DependencyUnavailable, InvalidSpec
from pawl_operator.kinds.training_run.actions import RetireAttempt
from pawl_operator.kinds.training_run.engines.kube_job import KubeJob
from pawl_operator.kinds.training_run.engines.kube_ray import KubeRay
from pawl_operator.kinds.training_run.engines.pod_states import read_pod
from pawl_operator.kinds.training_run.engines.port import Subject, TrainerEnvironment
from pawl_operator.kinds.training_run.engines.ray_address import RayAddress
from pawl_operator.kinds.training_run.ray_jobs import RayJobs, RayJobState
from pawl_operator.kube.port import Listing
from pawl_operator.kube.resources import JOBS, PODS, RAY_JOBS, Ref, Resource

Object = dict[str, Any]
ENVIRONMENT = TrainerEnvironment("http://collector", "http://mlflow")
STAMP = "2026-05-04T08:00:00Z"
NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
OWNER = {"uid": "uid-run-1", "controller": True}


def subject(**engine: object) -> Subject:
    spec = {"component": "facts", "trainer": "linear-tagger", "engine": engine}
    status = {"attempts": [{"number": n, "startedAt": STAMP} for n in (4, 5, 6)]}
    body = {"metadata": {"name": "run", "namespace": "demo", "uid": "uid-run-1"}, "spec": spec, "status": status}
    return Subject(TrainingRun.model_validate(body), "demo", "uid-run-1")


class ScriptedKube:
    """Lists what it was given; remembers what was done."""

    def __init__(self, objects: Mapping[Resource, list[Object]], log: str | Exception | None = None) -> None:
        self.objects, self.text_answer = objects, log
        self.done: list[tuple[object, ...]] = []

    async def list(self, resource: Resource, namespace: str | None = None, *, selector: str = "") -> Listing:
        assert (namespace, selector) == ("demo", "pawl.dev/trainingrun=run")
        return Listing(tuple(self.objects.get(resource, ())), "1")

    async def get(self, ref: Ref, *, urgent: bool = False) -> Object | None:
        return next((o for o in self.objects.get(ref.resource, ()) if o["metadata"]["name"] == ref.name), None)

    async def text(self, ref: Ref, subresource: str, query: Mapping[str, str], *, limit: int) -> str | None:
        self.done.append(("log", ref.name, query["container"]))
        if isinstance(self.text_answer, Exception):
            raise self.text_answer
        return self.text_answer

    async def delete(self, ref: Ref, *, uid: str = "") -> None:
        self.done.append(("delete", ref.name, uid))
        if uid != "uid-3":
            raise Conflict("another uid")

    async def json_patch(self, ref: Ref, ops: Any, *, manager: str, urgent: bool = False) -> Object:
        self.done.append(("patch", ref.name, ops[0]["path"], ops[0]["value"]))
        return {}

    async def serves(self, resource: Resource) -> bool:
        return resource in self.objects


class ScriptedRay(RayJobs):
    """Answers from a table of jobs."""

    def __init__(self, jobs: Mapping[str, RayJobState], log: str | Exception | None = "log") -> None:
        super().__init__()
        self.jobs, self.text_answer, self.asked = jobs, log, list[str]()

    async def info(self, url: str, identifier: str) -> RayJobState | None:
        self.asked.append(identifier)
        return self.jobs.get(identifier)

    async def log(self, url: str, identifier: str, *, limit: int) -> str | None:
        self.asked.append(f"{url} {identifier}")
        if isinstance(self.text_answer, Exception):
            raise self.text_answer
        return self.text_answer


def thing(number: int = 3, *, labels: Object | None = None, **more: Any) -> Object:
    """An object of an attempt."""
    wanted = {"pawl.dev/trainingrun": "run", "pawl.dev/attempt": str(number)} | (labels or {})
    metadata = {"name": f"run-{number}", "uid": f"uid-{number}", "labels": wanted, "creationTimestamp": STAMP}
    metadata |= {"ownerReferences": [OWNER], "annotations": {"pawl.dev/dataset-until": STAMP}}
    return {"metadata": metadata | more.pop("metadata", {})} | more


def pod(name: str = "p", **status: Any) -> Object:
    body = thing(metadata={"name": name}, status=status)
    return body | {"spec": {"containers": [{"name": "trainer", "resources": {"limits": {"memory": "3Gi"}}}]}}


def finished(kind: str, reason: str = "") -> Object:
    return {"conditions": [{"type": kind, "status": "True", "reason": reason, "message": "m"}]}


@pytest.mark.parametrize(
    ("status", "pods", "stage"),
    [
        ({}, [], "Pending"),
        ({"active": 1}, [pod(phase="Pending")], "Pending"),
        ({"active": 1}, [pod(phase="Running")], "Running"),
        (finished("Complete"), [pod(phase="Succeeded")], "Succeeded"),
        (finished("Failed", "BackoffLimitExceeded"), [], "Failed"),
    ],
    ids=str,
)
async def test_a_job_is_what_it_and_its_pod_say(status: Object, pods: list[Object], stage: str) -> None:
    kube = ScriptedKube({JOBS: [thing(status=status)], PODS: pods})
    look = await KubeJob(kube, ENVIRONMENT).look(subject(job={}), {3})
    state = look.attempts[3]
    assert (state.stage, state.owned, state.uid, state.created, state.until) == (stage, True, "uid-3", NOW, NOW)
    assert state.holds == (stage in ("Pending", "Running"))


async def test_a_failed_job_tells_the_exit_code() -> None:
    ended = {"name": "trainer", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    kube = ScriptedKube({JOBS: [thing(status=finished("Failed"))], PODS: [pod(containerStatuses=[ended])]})
    look = await KubeJob(kube, ENVIRONMENT).look(subject(job={}), {3})
    assert look.attempts[3].message == "exit code 137"
    assert (look.pods[0].out_of_memory, look.pods[0].memory_limit) == (True, "3Gi")


async def test_namesakes_of_others_are_seen_as_such() -> None:
    other = thing(metadata={"ownerReferences": [{"uid": "uid-of-another", "controller": True}]})
    kube = ScriptedKube({JOBS: [other, thing(9, labels={"pawl.dev/attempt": "x"})]})
    look = await KubeJob(kube, ENVIRONMENT).look(subject(job={}), set())
    assert [(state.number, state.owned) for state in look.attempts.values()] == [(3, False)]


@pytest.mark.parametrize(
    ("answer", "text", "gone"),
    [
        ("said", "said", False),
        (None, None, True),
        (InvalidSpec("waiting"), "", False),
        (DependencyUnavailable("x"), None, False),
    ],
    ids=str,
)
async def test_a_jobs_log_is_its_newest_pods(answer: str | Exception | None, text: str | None, gone: bool) -> None:
    later = pod("later", phase="Running")
    later["metadata"]["creationTimestamp"] = "2026-05-04T09:00:00Z"
    kube = ScriptedKube({JOBS: [thing()], PODS: [later, pod("earlier")]}, answer)
    engine = KubeJob(kube, ENVIRONMENT)
    look = await engine.look(subject(job={}), {3})
    found = await engine.log(subject(job={}), look.attempts[3], look.pods)
    assert (found.text, found.gone) == (text, gone)
    assert kube.done == [("log", "later", "trainer")]
    assert (await engine.log(subject(job={}), look.attempts[3], ())).gone


@pytest.mark.parametrize(
    ("deployment", "job", "stage", "holds"),
    [
        ("", "", "Pending", True),
        ("Initializing", "", "Pending", True),
        ("Running", "PENDING", "Pending", True),
        ("Running", "RUNNING", "Running", True),
        ("Running", "SUCCEEDED", "Succeeded", True),
        ("Complete", "SUCCEEDED", "Succeeded", True),
        ("Complete", "STOPPED", "Failed", True),
        ("Failed", "FAILED", "Failed", True),
        ("Failed", "", "Failed", True),
        ("ValidationFailed", "", "Failed", False),
    ],
)
async def test_a_ray_job_is_what_kuberay_says(deployment: str, job: str, stage: str, holds: bool) -> None:
    status = {"jobDeploymentStatus": deployment, "jobStatus": job, "reason": "R", "message": "M"}
    body = thing(spec={"ttlSecondsAfterFinished": 600}, status=status)
    look = await KubeRay(ScriptedKube({RAY_JOBS: [body]}), ScriptedRay({}), ENVIRONMENT).look(subject(kubeRay={}), {3})
    state = look.attempts[3]
    assert (state.stage, state.holds, state.message) == (stage, holds, "R: M")


async def test_a_ray_cluster_is_given_back_by_its_time_or_with_its_job() -> None:
    ended = thing(spec={"ttlSecondsAfterFinished": 600}, status={"jobDeploymentStatus": "Complete"})
    kube = ScriptedKube({RAY_JOBS: [ended]})
    engine = KubeRay(kube, ScriptedRay({}), ENVIRONMENT)
    assert await engine.retire(subject(kubeRay={}), RetireAttempt(3, "uid-3"))
    assert kube.done == [("patch", "run-3", "/spec/ttlSecondsAfterFinished", 0)]
    ended["spec"]["ttlSecondsAfterFinished"] = 0
    assert not (await engine.look(subject(kubeRay={}), set())).attempts[3].holds
    ended["status"] = {"jobDeploymentStatus": "Running"}
    assert await engine.retire(subject(kubeRay={}), RetireAttempt(3, "uid-3"))
    assert kube.done[-1] == ("delete", "run-3", "uid-3")
    assert not await engine.retire(subject(kubeRay={}), RetireAttempt(3, "uid-of-another"))


async def test_the_drivers_log_comes_from_the_head() -> None:
    status = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING", "dashboardURL": "head:8265", "jobId": "j"}
    head = pod("head", conditions=[{"type": "Ready", "status": "True"}])
    head["metadata"]["labels"]["ray.io/node-type"] = "head"
    kube, ray = ScriptedKube({RAY_JOBS: [thing(spec={}, status=status)], PODS: [head]}), ScriptedRay({})
    engine = KubeRay(kube, ray, ENVIRONMENT)
    look = await engine.look(subject(kubeRay={}), {3})
    assert (await engine.log(subject(kubeRay={}), look.attempts[3], look.pods)).text == "log"
    assert ray.asked == ["http://head:8265 j"]
    assert (await engine.log(subject(kubeRay={}), look.attempts[3], ())).gone
    ray.text_answer = DependencyUnavailable("no answer")
    found = await engine.log(subject(kubeRay={}), look.attempts[3], look.pods)
    assert (found.text, found.gone) == (None, False)


async def test_without_kuberay_it_is_said_what_to_install() -> None:
    assert "install it" in await KubeRay(ScriptedKube({}), ScriptedRay({}), ENVIRONMENT).missing()
    assert await KubeRay(ScriptedKube({RAY_JOBS: []}), ScriptedRay({}), ENVIRONMENT).missing() == ""


async def test_the_last_two_jobs_of_somebody_elses_cluster_are_looked_at() -> None:
    mine = "demo-run-6-uid-run-"
    ray = ScriptedRay({mine: RayJobState("RUNNING", metadata={"pawl.dev/dataset-until": STAMP}, started=NOW)})
    look = await RayAddress(ray, ENVIRONMENT).look(subject(rayAddress="http://ray:8265"), {6})
    assert ray.asked == ["demo-run-5-uid-run-", mine]
    assert list(look.attempts) == [6]
    assert (look.attempts[6].stage, look.attempts[6].uid, look.attempts[6].until) == ("Running", mine, NOW)


async def test_a_cluster_that_does_not_answer_is_told_and_nothing_else() -> None:
    look = await RayAddress(RayJobs(deadline=1), ENVIRONMENT).look(subject(rayAddress="http://127.0.0.1:1"), {6})
    assert look.attempts == {}
    assert "spec.engine.rayAddress does not answer" in look.unreachable


@pytest.mark.parametrize(
    ("status", "field", "value"),
    [
        ({"conditions": [{"type": "Ready", "status": "True"}]}, "ready", True),
        ({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": STAMP}]}, "not_ready_since", NOW),
        ({}, "not_ready_since", NOW),
        ({"phase": "Succeeded"}, "ended", True),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}]},
            "unschedulable",
            "0/1",
        ),
        (
            {"initContainerStatuses": [{"image": "i:1", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
            "image",
            "i:1",
        ),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "m"}}}]},
            "waiting",
            "CreateContainerConfigError: m",
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, "waiting", ""),
        ({"containerStatuses": [{"lastState": {"terminated": {"reason": "OOMKilled"}}}]}, "out_of_memory", True),
    ],
    ids=str,
)
def test_a_pod_tells_why_it_does_not_run(status: Object, field: str, value: object) -> None:
    assert getattr(read_pod(pod(**status)), field) == value


def test_a_pod_that_asks_for_a_gpu_is_known_by_its_limits() -> None:
    body = pod()
    assert not read_pod(body).wants_gpu
    body["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = "1"
    assert read_pod(body).wants_gpu
