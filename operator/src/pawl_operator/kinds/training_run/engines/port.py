"""What every engine can do. Methods raise the errors of `pawl.errors`; what only one engine knows stays inside it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pawl.api.training_run import TrainingRun
from pawl_operator.kinds.training_run.actions import RetireAttempt, StartAttempt
from pawl_operator.kinds.training_run.snapshot import AttemptState, PodState
from pawl_operator.kube.resources import TRAINING_LABEL

ATTEMPT_LABEL = "pawl.dev/attempt"
UNTIL_NOTE = "pawl.dev/dataset-until"
ENTRYPOINT = ("python", "-m", "pawl_trainers", "run")
LOG_LIMIT = 262_144
"""Bytes of a log's end that are looked at; a report is at most a quarter of that."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The TrainingRun whose attempts are meant."""

    run: TrainingRun
    namespace: str
    uid: str

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.run.metadata.name

    def attempt(self, number: int) -> str:
        """Return the name of what runs an attempt."""
        return f"{self.name}-{number}"

    def labels(self, number: int) -> dict[str, str]:
        """Return the labels of everything that belongs to an attempt."""
        return {
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/managed-by": "pawl",
            "pawl.dev/component": self.run.spec.component,
            TRAINING_LABEL: self.name,
            ATTEMPT_LABEL: str(number),
        }

    def reference(self) -> dict[str, Any]:
        """Return the owner reference by which garbage collection follows the run."""
        return {
            "apiVersion": self.run.api_version,
            "kind": self.run.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }


@dataclass(frozen=True, slots=True)
class TrainerEnvironment:
    """Where a trainer finds what it works with."""

    collector_url: str
    registry_url: str

    def variables(self, plan: str, token_file: str) -> dict[str, str]:
        """Return the environment of an attempt."""
        return {
            "PAWL_PLAN": plan,
            "PAWL_COLLECTOR_URL": self.collector_url,
            "PAWL_COLLECTOR_TOKEN_FILE": token_file,
            "MLFLOW_TRACKING_URI": self.registry_url,
            # Lines reach the log when they are said, and no half line of a progress bar stands before a report.
            "PYTHONUNBUFFERED": "1",
            "TQDM_DISABLE": "1",
            # The interval at which Ray Train looks at its workers bounds how fast a report of theirs is taken.
            "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
        }


@dataclass(frozen=True, slots=True)
class Look:
    """What an engine has of a run."""

    attempts: Mapping[int, AttemptState] = field(default_factory=dict)
    pods: tuple[PodState, ...] = ()
    unreachable: str = ""
    """Why nothing is known; empty: the rest is how it is."""


@dataclass(frozen=True, slots=True)
class LogText:
    """The end of a log. `text` None: it could not be read; `gone`: and it never will be."""

    text: str | None
    gone: bool = False


class Engine(Protocol):
    """Runs attempts. Everything may be repeated."""

    async def missing(self) -> str:
        """Return what has to be installed first; empty: nothing."""
        ...

    async def look(self, subject: Subject, numbers: Set[int]) -> Look:
        """Return what there is of a run; the pods are those of the attempts in `numbers`."""
        ...

    async def log(self, subject: Subject, state: AttemptState, pods: tuple[PodState, ...]) -> LogText:
        """Return the end of an attempt's log."""
        ...

    async def start(self, subject: Subject, wanted: StartAttempt) -> bool:
        """Make what runs an attempt; False when its name is taken already.

        Raises:
            InvalidSpec: it is refused as it is written; only another run would help.
        """
        ...

    async def retire(self, subject: Subject, wanted: RetireAttempt) -> bool:
        """Give back what an attempt holds; True when something changed."""
        ...


def moment(text: object) -> datetime | None:
    """Return a time of the API server or of an annotation; None where there is none."""
    try:
        found = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
