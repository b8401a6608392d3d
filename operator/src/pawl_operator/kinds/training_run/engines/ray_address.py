"""Engine `rayAddress`: a job in a Ray cluster that somebody else runs, by its Jobs API. Nothing collects it but us.

The cluster's image has Pawl's trainers in it, its pods mount the key at the place that the environment names, and one
node has the resource `trainer`.
"""

import re
from collections.abc import Set

from pawl.errors import DependencyUnavailable
from pawl_operator.kinds.training_run.actions import RetireAttempt, StartAttempt
from pawl_operator.kinds.training_run.engines.pods import TOKEN_FILE
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
from pawl_operator.kinds.training_run.ray_jobs import RayJobs, RayJobState, Submission
from pawl_operator.kinds.training_run.snapshot import AttemptState, PodState, Stage
from pawl_operator.kinds.training_run.trainer_plan import stamp
from pawl_operator.kube.resources import TRAINING_LABEL

DASHBOARD_PORT = 8265
STAGES: dict[str, Stage] = {"RUNNING": "Running", "SUCCEEDED": "Succeeded", "FAILED": "Failed", "STOPPED": "Failed"}
UNRECORDED = 1
"""The number of the attempt that is looked for where a run's status knows none: it may have been lost."""


class RayAddress:
    """Attempts as jobs of a Ray cluster."""

    def __init__(self, ray: RayJobs, environment: TrainerEnvironment) -> None:
        self._ray, self._environment = ray, environment

    async def missing(self) -> str:
        """Return nothing: whether the address answers is seen by looking."""
        return ""

    async def look(self, subject: Subject, numbers: Set[int]) -> Look:
        """Return the last two attempts that are on record: an older one was stopped before they began."""
        recorded = [attempt.number for attempt in subject.run.status.attempts[-2:]]
        url, states = jobs_api(subject), {}
        try:
            for number in recorded or [UNRECORDED]:
                found = await self._ray.info(url, _identifier(subject, number))
                if found is not None:
                    states[number] = _state(subject, number, found)
        except DependencyUnavailable as error:
            return Look(unreachable=f"the Ray cluster at spec.engine.rayAddress does not answer: {error}")
        return Look(states)

    async def log(self, subject: Subject, state: AttemptState, pods: tuple[PodState, ...]) -> LogText:
        """Return the driver's log."""
        try:
            text = await self._ray.log(jobs_api(subject), state.uid, limit=LOG_LIMIT)
        except DependencyUnavailable:
            return LogText(None)
        return LogText(text, gone=text is None)

    async def start(self, subject: Subject, wanted: StartAttempt) -> bool:
        """Submit the job; one of that identifier that is there already is this one."""
        submission = Submission(
            entrypoint=" ".join(ENTRYPOINT),
            identifier=_identifier(subject, wanted.number),
            variables=self._environment.variables(wanted.plan, TOKEN_FILE),
            metadata={TRAINING_LABEL: f"{subject.namespace}/{subject.name}", UNTIL_NOTE: stamp(wanted.until)},
        )
        return await self._ray.submit(jobs_api(subject), submission)

    async def retire(self, subject: Subject, wanted: RetireAttempt) -> bool:
        """Stop the job."""
        return await self._ray.stop(jobs_api(subject), wanted.uid)


def jobs_api(subject: Subject) -> str:
    """Return the address of the Jobs API: that of a Ray client has it on the same host, on the dashboard's port."""
    address = subject.run.spec.engine.ray_address or ""
    client = re.fullmatch(r"ray://(\[[^\]]+\]|[^:/]+)(:\d+)?/?", address)
    return f"http://{client[1]}:{DASHBOARD_PORT}" if client is not None else address.rstrip("/")


def _identifier(subject: Subject, number: int) -> str:
    return f"{subject.namespace}-{subject.attempt(number)}-{subject.uid[:8]}"


def _state(subject: Subject, number: int, found: RayJobState) -> AttemptState:
    stage = STAGES.get(found.status, "Pending")
    return AttemptState(
        number=number,
        uid=_identifier(subject, number),
        stage=stage,
        created=found.started,
        until=moment(found.metadata.get(UNTIL_NOTE)),
        message=found.message,
        holds=stage in ("Pending", "Running"),
    )
