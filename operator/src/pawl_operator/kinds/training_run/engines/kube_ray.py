"""Engine `kubeRay`: one RayJob an attempt, with a Ray cluster of its own that KubeRay makes and takes down.

KubeRay submits by HTTP (no submitter pod) and does not retry (Pawl counts the attempts). A head whose container ends
comes back and gets the job again; for a head whose pod is gone KubeRay 1.5.1 makes no other, and goes on saying that
the job runs (seen). The cluster stays for a while after the end, because the log is in its head, and goes as soon
as the report was read: then its time to live is set to 0. The RayJob itself stays as a record.
"""

import json
import math
import re
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any

from pawl.api.training_run import KubeRay as KubeRayPlan
from pawl.api.training_run import PodPlan
from pawl.errors import Conflict, DependencyUnavailable, NotFound
from pawl_operator.kinds.training_run.actions import RetireAttempt, StartAttempt
from pawl_operator.kinds.training_run.engines.objects import body_of, metadata_of, number_of, owned_by, selector_of
from pawl_operator.kinds.training_run.engines.pod_states import read_pod
from pawl_operator.kinds.training_run.engines.pods import TOKEN_FILE, Resources, pod_template, resources_of
from pawl_operator.kinds.training_run.engines.port import (
    ENTRYPOINT,
    LOG_LIMIT,
    UNTIL_NOTE,
    LogText,
    Look,
    Subject,
    TrainerEnvironment,
    moment,
)
from pawl_operator.kinds.training_run.ray_jobs import RayJobs
from pawl_operator.kinds.training_run.snapshot import AttemptState, PodState, Stage
from pawl_operator.kube.apply import MANAGER
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import PODS, RAY_JOBS, Ref

REPORT_SECONDS = 3600
"""How long a Ray cluster outlives its job at most: for so long the operator may be away and still read the report."""
GROUP = "trainer"
DASHBOARD, AGENT = 8265, 52365
OBJECT_STORE_BYTES = "100000000"
HEAD_CPUS, WORKER_CPUS = 1, 2
READY = {"periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 30}
ALIVE = {"initialDelaySeconds": 60, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 30}
ENDED = ("Complete", "Failed", "ValidationFailed")


class KubeRay:
    """Attempts as RayJobs."""

    def __init__(self, kube: KubePort, ray: RayJobs, environment: TrainerEnvironment) -> None:
        self._kube, self._ray, self._environment = kube, ray, environment

    async def missing(self) -> str:
        """Return what to do where KubeRay's definitions are not installed."""
        if await self._kube.serves(RAY_JOBS):
            return ""
        return "spec.engine.kubeRay needs KubeRay (rayjobs.ray.io/v1): install it, or use spec.engine.job"

    async def look(self, subject: Subject, numbers: Set[int]) -> Look:
        """Return the RayJobs of the run and the pods of the attempts in `numbers`."""
        selector = selector_of(subject)
        try:
            jobs = (await self._kube.list(RAY_JOBS, subject.namespace, selector=selector)).items
        except NotFound:
            return Look()
        pods: tuple[Object, ...] = ()
        if numbers:
            pods = (await self._kube.list(PODS, subject.namespace, selector=selector)).items
        found = {number: _state(subject, job, number) for job in jobs if (number := number_of(job)) is not None}
        return Look(found, tuple(read_pod(pod) for pod in pods if number_of(pod) in numbers))

    async def log(self, subject: Subject, state: AttemptState, pods: tuple[PodState, ...]) -> LogText:
        """Return the driver's log from the head."""
        if not state.dashboard or not state.job_id or not any(pod.role == "head" for pod in pods):
            return LogText(None, gone=True)
        try:
            text = await self._ray.log(f"http://{state.dashboard}", state.job_id, limit=LOG_LIMIT)
        except DependencyUnavailable:
            return LogText(None)
        return LogText(text, gone=text is None)

    async def start(self, subject: Subject, wanted: StartAttempt) -> bool:
        """Create the RayJob."""
        try:
            await self._kube.create(RAY_JOBS, subject.namespace, build_ray_job(subject, wanted, self._environment))
        except Conflict:
            return False
        return True

    async def retire(self, subject: Subject, wanted: RetireAttempt) -> bool:
        """Let KubeRay take the cluster down: by its time to live where the job has ended, else with the RayJob."""
        ref = Ref(RAY_JOBS, subject.namespace, subject.attempt(wanted.number))
        live = await self._kube.get(ref)
        if live is None or live["metadata"]["uid"] != wanted.uid:
            return False
        try:
            if _deployment(live) in ENDED:
                ops = [{"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 0}]
                await self._kube.json_patch(ref, ops, manager=MANAGER)
            else:
                await self._kube.delete(ref, uid=wanted.uid)
        except (Conflict, NotFound):
            return False
        return True


def build_ray_job(subject: Subject, wanted: StartAttempt, environment: TrainerEnvironment) -> Object:
    """Return the RayJob of one attempt."""
    plan = subject.run.spec.engine.kube_ray or KubeRayPlan()
    variables = environment.variables(wanted.plan, TOKEN_FILE)
    spec = {
        "entrypoint": " ".join(ENTRYPOINT),
        "submissionMode": "HTTPMode",
        "backoffLimit": 0,
        "activeDeadlineSeconds": wanted.seconds,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": REPORT_SECONDS,
        "rayClusterSpec": {
            "headGroupSpec": _head(subject, wanted, plan.head, variables),
            "workerGroupSpecs": [_workers(subject, wanted, plan, variables)],
        },
    }
    return body_of(RAY_JOBS, metadata_of(subject, wanted), spec)


def _head(subject: Subject, wanted: StartAttempt, plan: PodPlan, variables: dict[str, str]) -> dict[str, Any]:
    resources = resources_of(plan)
    # KubeRay's own probes call wget, which a slim image has not.
    check = {"httpGet": {"path": "/api/gcs_healthz", "port": DASHBOARD}}
    ports = {"gcs-server": 6379, "dashboard": DASHBOARD, "client": 10001}
    container = {
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
        "readinessProbe": check | READY,
        "livenessProbe": check | ALIVE,
    }
    return {
        "rayStartParams": _parameters(resources, HEAD_CPUS) | {"dashboard-host": "0.0.0.0"},  # noqa: S104 - the pod's own
        "template": pod_template(subject, wanted, plan, resources, variables, container),
    }


def _workers(subject: Subject, wanted: StartAttempt, plan: KubeRayPlan, variables: dict[str, str]) -> dict[str, Any]:
    workers = plan.worker
    resources = resources_of(workers, gpus=1)
    check = {"tcpSocket": {"port": AGENT}}
    container = {"readinessProbe": check | READY, "livenessProbe": check | ALIVE}
    return {
        "groupName": GROUP,
        "replicas": workers.replicas,
        "minReplicas": workers.replicas,
        "maxReplicas": workers.replicas,
        # Quoted twice: KubeRay puts it into a shell's command line as it is.
        "rayStartParams": _parameters(resources, WORKER_CPUS) | {"resources": json.dumps(json.dumps({"trainer": 1}))},
        "template": pod_template(subject, wanted, workers, resources, variables, container),
    }


def _parameters(resources: Resources, cpus: int) -> dict[str, str]:
    # Ray is told of no GPU: a trainer that uses one finds it in its pod, and NCCL is not asked of a fake one.
    given = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", str(resources["limits"].get("cpu", "")))
    count = max(1, math.ceil(Decimal(given[1]) / (1000 if given[2] else 1))) if given is not None else cpus
    return {"num-cpus": str(count), "num-gpus": "0", "object-store-memory": OBJECT_STORE_BYTES}


def _state(subject: Subject, job: Object, number: int) -> AttemptState:
    metadata, status = job["metadata"], job.get("status") or {}
    lives = int(job["spec"].get("ttlSecondsAfterFinished") or 0) > 0
    deployment = _deployment(job)
    return AttemptState(
        number=number,
        uid=str(metadata["uid"]),
        stage=_stage(deployment, str(status.get("jobStatus") or "")),
        owned=owned_by(subject, job),
        deleting=bool(metadata.get("deletionTimestamp")),
        created=moment(metadata.get("creationTimestamp")),
        until=moment((metadata.get("annotations") or {}).get(UNTIL_NOTE)),
        message=_message(deployment, status),
        dashboard=str(status.get("dashboardURL") or ""),
        job_id=str(status.get("jobId") or ""),
        holds=deployment != "ValidationFailed" and (lives or deployment not in ENDED),
    )


def _deployment(job: Object) -> str:
    return str((job.get("status") or {}).get("jobDeploymentStatus") or "")


def _stage(deployment: str, job: str) -> Stage:
    if deployment in ("Failed", "ValidationFailed") or job in ("FAILED", "STOPPED"):
        return "Failed"
    if job == "SUCCEEDED":
        return "Succeeded"
    return "Running" if job == "RUNNING" else "Pending"


def _message(deployment: str, status: Mapping[str, Any]) -> str:
    parts = (status.get("reason"), status.get("message"))
    told = ": ".join(str(part) for part in parts if part)
    return told or f"KubeRay says {deployment or 'nothing yet'}"
