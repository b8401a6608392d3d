"""Everything that `decide` may know about one TrainingRun, as frozen data; `observe` fills it, nobody else does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pawl.api.training_run import TrainingRun
from pawl_operator.kinds.training_run.report import Log

GPU = "nvidia.com/gpu"
Stage = Literal["Pending", "Running", "Succeeded", "Failed"]
ENDED: tuple[Stage, ...] = ("Succeeded", "Failed")
EngineName = Literal["kubeRay", "rayAddress", "job"]


@dataclass(frozen=True, slots=True)
class PodState:
    """One pod of an attempt, as far as it explains why nothing happens."""

    name: str
    role: str
    """`head`, `worker` or `trainer`: the field of spec.engine that speaks of it."""
    created: datetime
    ready: bool = False
    not_ready_since: datetime | None = None
    """Since when it has not been ready; None while it is."""
    ended: bool = False
    """Whether it has run to its end, so that it need not be ready any more."""
    unschedulable: str = ""
    """The scheduler's words, where it finds no node."""
    wants_gpu: bool = False
    image: str = ""
    """The image that a container waits for, where pulling it fails."""
    waiting: str = ""
    """The kubelet's words about a container that it cannot start, the image aside."""
    out_of_memory: bool = False
    """Whether a container of it was last ended for want of memory."""
    memory_limit: str = ""


@dataclass(frozen=True, slots=True)
class AttemptState:
    """What is there of one attempt."""

    number: int
    uid: str
    """uid of its object, or its identifier in a Ray cluster."""
    stage: Stage
    owned: bool = True
    """Whether the object's controller is this TrainingRun; a namesake of another's is in the way."""
    deleting: bool = False
    created: datetime | None = None
    until: datetime | None = None
    """Annotation `pawl.dev/dataset-until`, by which a lost status is found again."""
    message: str = ""
    """The engine's words about how it stands."""
    dashboard: str = ""
    """Address of the Ray Jobs API that runs it, and its identifier there; empty where there is none (yet)."""
    job_id: str = ""
    holds: bool = True
    """Whether it holds machines that it no longer needs once the attempt has ended."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The opponent of the gate, as a Rollout serves it."""

    revision: str
    url: str
    """Its address for the Open Inference Protocol, up to the model's name."""


@dataclass(frozen=True, slots=True)
class ComponentFacts:
    """What a trainer has to know about the component."""

    score: str
    labels: Mapping[str, str]
    """Kind of feedback that becomes truth -> Given or Shown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server (or the Ray cluster) refuses an attempt as it is written."""

    number: int
    message: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What this installation offers to trainings."""

    images: Mapping[str, str]
    """Image by trainer; empty where the chart names none."""
    collector_url: str
    registry_url: str
    """Address of the model registry; empty: nothing can be registered."""
    start_deadline: timedelta
    poll: timedelta


@dataclass(frozen=True, slots=True)
class TrainingSnapshot:
    """A TrainingRun, its attempts and their log, all read within one pass."""

    run: TrainingRun
    namespace: str
    uid: str
    generation: int
    engine: EngineName
    offer: Offer
    deleting_since: datetime | None = None
    finalizers: tuple[str, ...] = ()
    component: ComponentFacts | None = None
    """None: there is no such Component."""
    champion: Champion | None = None
    """None: spec.gate.champion is absent, or no Rollout of the component has it as its stable."""
    engine_missing: str = ""
    """What has to be installed before the engine can be used; empty: nothing."""
    unreachable: str = ""
    """Why nothing is known about the attempts; empty: all of them are below."""
    attempts: Mapping[int, AttemptState] = field(default_factory=dict)
    """By number; objects that are not there are not here."""
    pods: tuple[PodState, ...] = ()
    """Pods of the attempt that is under way."""
    log: Log | None = None
    """The log of the attempt that is under way; None: it could not be read now."""
    log_gone: bool = False
    """Whether there is no log any more that could be read later."""
    refusal: Refusal | None = None
