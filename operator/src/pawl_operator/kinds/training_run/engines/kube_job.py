"""Engine `job`: one batch/v1 Job an attempt, whose pod trains; its log is the pod's."""

from collections.abc import Mapping, Set
from typing import Any

from pawl.api.training_run import PodPlan
from pawl.errors import Conflict, DependencyUnavailable, InvalidSpec
from pawl_operator.kinds.training_run.actions import RetireAttempt, StartAttempt
from pawl_operator.kinds.training_run.engines.objects import body_of, metadata_of, number_of, owned_by, selector_of
from pawl_operator.kinds.training_run.engines.pod_states import is_running, read_pod
from pawl_operator.kinds.training_run.engines.pods import CONTAINER, TOKEN_FILE, pod_template, resources_of
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
from pawl_operator.kinds.training_run.snapshot import AttemptState, PodState, Stage
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import JOBS, PODS, Ref

LOG_LINES = 2000
"""Asked of the kubelet, so that it does not send hours of a log at every look."""


class KubeJob:
    """Attempts as Jobs that are never retried by their own controller: Pawl counts the attempts."""

    def __init__(self, kube: KubePort, environment: TrainerEnvironment) -> None:
        self._kube, self._environment = kube, environment

    async def missing(self) -> str:
        """Return nothing: every cluster has Jobs."""
        return ""

    async def look(self, subject: Subject, numbers: Set[int]) -> Look:
        """Return the Jobs of the run and the pods of the attempts in `numbers`."""
        selector = selector_of(subject)
        jobs = (await self._kube.list(JOBS, subject.namespace, selector=selector)).items
        pods: tuple[Object, ...] = ()
        if numbers:
            pods = (await self._kube.list(PODS, subject.namespace, selector=selector)).items
        by_number = {number: [pod for pod in pods if number_of(pod) == number] for number in numbers}
        states = {
            number: _state(subject, job, number, by_number.get(number, []))
            for job in jobs
            if (number := number_of(job)) is not None
        }
        return Look(states, tuple(read_pod(pod) for found in by_number.values() for pod in found))

    async def log(self, subject: Subject, state: AttemptState, pods: tuple[PodState, ...]) -> LogText:
        """Return the log of the attempt's newest pod."""
        newest = max(pods, key=lambda pod: pod.created, default=None)
        if newest is None:
            return LogText(None, gone=True)
        ref = Ref(PODS, subject.namespace, newest.name)
        query = {"container": CONTAINER, "tailLines": str(LOG_LINES)}
        try:
            text = await self._kube.text(ref, "log", query, limit=LOG_LIMIT)
        except InvalidSpec:
            # The container has not begun yet.
            return LogText("")
        except DependencyUnavailable:
            return LogText(None)
        return LogText(text, gone=text is None)

    async def start(self, subject: Subject, wanted: StartAttempt) -> bool:
        """Create the Job."""
        try:
            await self._kube.create(JOBS, subject.namespace, build_job(subject, wanted, self._environment))
        except Conflict:
            return False
        return True

    async def retire(self, subject: Subject, wanted: RetireAttempt) -> bool:
        """Delete the Job, and with it its pod."""
        ref = Ref(JOBS, subject.namespace, subject.attempt(wanted.number))
        try:
            await self._kube.delete(ref, uid=wanted.uid)
        except Conflict:
            return False
        return True


def build_job(subject: Subject, wanted: StartAttempt, environment: TrainerEnvironment) -> Object:
    """Return the Job of one attempt."""
    plan = subject.run.spec.engine.job or PodPlan()
    template = pod_template(
        subject,
        wanted,
        plan,
        resources_of(plan),
        environment.variables(wanted.plan, TOKEN_FILE),
        {"command": list(ENTRYPOINT)},
    )
    template["spec"]["restartPolicy"] = "Never"
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": wanted.seconds, "template": template}
    return body_of(JOBS, metadata_of(subject, wanted), spec)


def _state(subject: Subject, job: Object, number: int, pods: list[Object]) -> AttemptState:
    metadata = job["metadata"]
    stage, message = _stage(job.get("status") or {}, pods)
    return AttemptState(
        number=number,
        uid=str(metadata["uid"]),
        stage=stage,
        owned=owned_by(subject, job),
        deleting=bool(metadata.get("deletionTimestamp")),
        created=moment(metadata.get("creationTimestamp")),
        until=moment((metadata.get("annotations") or {}).get(UNTIL_NOTE)),
        message=message,
        holds=stage in ("Pending", "Running"),
    )


def _stage(status: Mapping[str, Any], pods: list[Object]) -> tuple[Stage, str]:
    for condition in status.get("conditions") or []:
        if condition.get("status") == "True" and condition.get("type") == "Complete":
            return "Succeeded", ""
        if condition.get("status") == "True" and condition.get("type") == "Failed":
            return "Failed", _ended_with(pods) or f"{condition.get('reason', '')}: {condition.get('message', '')}"
    if any(is_running(pod) for pod in pods):
        return "Running", ""
    return "Pending", "" if pods else "its Job has no pod yet; `kubectl describe job` tells why"


def _ended_with(pods: list[Object]) -> str:
    for pod in pods:
        for entry in (pod.get("status") or {}).get("containerStatuses") or []:
            ended = (entry.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode"):
                return f"exit code {ended['exitCode']}"
    return ""
