"""TrainingRun: one training of one component, from a dataset to a registered version behind a gate."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from pawl.api.meta import (
    ApiModel,
    Bool,
    Conditions,
    Count,
    Difference,
    Digest,
    Duration,
    FreeForm,
    Image,
    LongDuration,
    Name,
    Number,
    ObjectMeta,
    Percentage,
    Probability,
    Rate,
    ShortText,
    Text,
    Timestamp,
)
from pawl.api.resource import NAME_RULE
from pawl.api.rules import Cel, ListMap, Shape, Whole, at_most_one_of, immutable
from pawl.api.serving import Command, ModelVersion, Resources

MAX_ATTEMPTS = 16
MAX_METRICS = 32
ParameterName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Snapshot(ApiModel):
    """A dataset that was built before."""

    uri: Annotated[str, Shape(r"^[!-~]+$", "write a URI without spaces", longest=512)]
    """uri of the snapshot's folder."""
    digest: Annotated[str, Shape(r"^sha256:[0-9a-f]{64}$", "write sha256: and 64 hex digits", longest=71, shortest=0)]
    """digest of the folder."""


class Split(ApiModel):
    """How examples are divided: by person, so that nobody is in two parts, and by time, so that test is the newest."""

    validation_percent: Annotated[int, Whole(1, 40)] = 10
    """validationPercent of the people."""
    test_percent: Annotated[int, Whole(1, 40)] = 20
    """testPercent of the people."""


class Dataset(ApiModel):
    """What is learned from."""

    window: LongDuration | None = None
    """window of time that is looked back; absent: everything."""
    snapshot: Snapshot | None = None
    """snapshot that was built before, in place of window."""
    min_examples: Annotated[int, Whole(1, 1_000_000_000)] = 1000
    """minExamples below which nothing is trained."""
    split: Split = Split()
    """split into train, validation and test."""

    rules = (at_most_one_of("window", "snapshot", "remove one; a snapshot has a window of its own"),)


class PodPlan(ApiModel):
    """The pods of one role."""

    resources: Resources = Resources()
    """resources of each pod."""
    template: FreeForm = Field(default_factory=dict)
    """template is a strategic merge patch on the pod template."""


class Workers(PodPlan):
    """The workers of a Ray cluster."""

    replicas: Annotated[int, Whole(1, 1000)] = 1
    """replicas is the number of workers."""


class KubeRay(ApiModel):
    """A Ray cluster that is made for this run by KubeRay."""

    head: PodPlan = PodPlan()
    """head of the cluster."""
    worker: Workers = Workers()
    """worker group of the cluster."""


class Engine(ApiModel):
    """Where the training runs."""

    kube_ray: KubeRay | None = None
    """kubeRay makes a Ray cluster for the run."""
    ray_address: (
        Annotated[str, Shape(r"^(ray|https?)://[!-~]+$", "write an address such as ray://host:10001", longest=256)]
        | None
    ) = None
    """rayAddress of a Ray cluster that is there, ray://… or http://…."""
    job: PodPlan | None = None
    """job is a plain Kubernetes Job."""

    rules = (
        Cel(
            "[has(self.kubeRay), has(self.rayAddress), has(self.job)].filter(x, x).size() == 1",
            "exactly one of kubeRay, rayAddress and job must be set: choose where the training runs",
            lambda value: [value.kube_ray, value.ray_address, value.job].count(None) == 2,
        ),
    )


class Gate(ApiModel):
    """What a new version must show before it is registered."""

    metric: Name = "accuracy"
    """metric of the Component on which the gate stands."""
    champion: ModelVersion | None = None
    """champion is the opponent, pinned when the run is made; absent: only the floor counts."""
    floor: Rate | None = None
    """floor that the version must reach in any case."""
    min_improvement: Difference = "0"
    """minImprovement over the champion; below 0 it is a margin: what is shown not to be worse by more passes."""
    alpha: Probability = "0.05"
    """alpha is the probability of passing a version whose improvement is no larger than minImprovement."""


_CUSTOM_NEEDS_IMAGE = Cel(
    "self.trainer != 'custom' || has(self.image)",
    "trainer custom needs image: name the image that trains",
    lambda plan: plan.trainer != "custom" or plan.image is not None,
    field="image",
)


class TrainingPlan(ApiModel):
    """The part of a TrainingRun that a LearningLoop may hold as a template."""

    trainer: Literal["token-classification", "linear-tagger", "trust-score", "policy", "custom"]
    """trainer that does the work; custom runs image with the contract of environment variables and files."""
    image: Image | None = None
    """image of the trainer; absent: the one that the chart names. custom needs it."""
    command: Command = ()
    """command of a custom trainer; empty: the image's entry point."""
    dataset: Dataset = Dataset()
    """dataset to learn from."""
    base_model: Annotated[str, Shape(r"^[!-~]+$", "write a name or URI without spaces", longest=512)] | None = None
    """baseModel to start from."""
    parameters: Annotated[
        dict[ParameterName, Annotated[str, StringConstraints(max_length=1024)]], Field(max_length=64)
    ] = Field(default_factory=dict)
    """parameters of the trainer, as strings."""
    seed: Annotated[int, Whole(0, 2**31 - 1)] = 42
    """seed of everything random."""
    engine: Engine = Engine(job=PodPlan())
    """engine is where it runs."""
    gate: Gate = Gate()
    """gate before registration."""
    register_: Annotated[Bool, Field(alias="register")] = True
    """register the version in the model registry when the gate is passed."""
    active_deadline: Duration = "12h"
    """activeDeadline is how long all attempts together may take."""
    backoff_limit: Annotated[int, Whole(0, 10)] = 2
    """backoffLimit is how often a failed attempt is repeated."""
    ttl_seconds_after_finished: Annotated[int, Whole(0, 2**31 - 1)] | None = None
    """ttlSecondsAfterFinished after which a finished run is deleted; absent: never."""

    rules: ClassVar[tuple[Cel, ...]] = (_CUSTOM_NEEDS_IMAGE,)


class TrainingRunSpec(TrainingPlan):
    """What is to be trained."""

    component: Name
    """component that is trained; immutable."""
    suspend: Bool = False
    """suspend keeps the run from starting, or stops it."""
    managed_by: Annotated[
        str,
        Shape(r"^[a-z0-9.-]+/[a-z0-9.-]+$", "write domain/name, such as pawl.dev/operator", longest=128),
    ] = "pawl.dev/operator"
    """managedBy names the controller that runs it; immutable."""

    rules = (
        *TrainingPlan.rules,
        immutable("component", "make a new TrainingRun"),
        immutable("managedBy", "make a new TrainingRun"),
    )


class Attempt(ApiModel):
    """One try."""

    number: Count
    """number of the try, from 1."""
    started_at: Timestamp
    """startedAt is when it began."""
    uid: ShortText = ""
    """uid of the object that runs it; empty: none was seen yet."""
    running_at: Timestamp | None = None
    """runningAt is when it was first seen to run; absent: it was not yet."""
    finished_at: Timestamp | None = None
    """finishedAt is when it ended."""
    reason: ShortText = ""
    """reason of its end as a CamelCase word; ReadingReport: it has ended, and its report is still being read."""
    message: Text = ""
    """message about its end is a sentence for people."""


class DatasetStatus(ApiModel):
    """The dataset that was used."""

    after: Timestamp | None = None
    """after: only examples that were received later are learned from; absent: all."""
    until: Timestamp | None = None
    """until is the newest time of receipt that counts, the same for all attempts."""
    have: Count | None = None
    """have is the number of examples that were found."""
    need: Count | None = None
    """need is the number of examples without which nothing is trained."""
    digest: Digest = ""
    """digest of the snapshot."""
    train: Count = 0
    """train is the number of examples learned from."""
    validation: Count = 0
    """validation is the number of examples used to choose."""
    test: Count = 0
    """test is the number of examples used to judge."""


class MetricValue(ApiModel):
    """One number that came out."""

    name: Name
    """name of the metric."""
    value: Number
    """value as four significant digits."""


class GateStatus(ApiModel):
    """What the gate said."""

    passed: Bool
    """passed says whether the version may be registered."""
    estimate: Number | None = None
    """estimate of the improvement over the champion."""
    lower: Number | None = None
    """lower end of its interval."""
    upper: Number | None = None
    """upper end of its interval."""
    message: Text = ""
    """message is a sentence for people."""


class Registered(ApiModel):
    """The version in the model registry."""

    source: Annotated[str, Field(max_length=512)]
    """source under which a Rollout can name it."""
    digest: Digest
    """digest of the artifact."""


class TrainingRunStatus(ApiModel):
    """What is so."""

    conditions: Conditions = ()
    """conditions: Succeeded, Accepted, Running, Suspended; Reconciled while something fails."""
    observed_generation: Count | None = None
    """observedGeneration is the generation this status speaks of."""
    phase: Literal["Pending", "Suspended", "Running", "Gating", "Succeeded", "Failed"] | None = None
    """phase in one word, for people."""
    message: Text = ""
    """message is the present state in one sentence."""
    started_at: Timestamp | None = None
    """startedAt is when the first attempt began."""
    finished_at: Timestamp | None = None
    """finishedAt is when it ended."""
    dataset: DatasetStatus | None = None
    """dataset that was used."""
    progress: Percentage | None = None
    """progress in percent."""
    attempts: Annotated[tuple[Attempt, ...], Field(max_length=MAX_ATTEMPTS), ListMap("number")] = ()
    """attempts, newest last; the oldest are dropped."""
    failures: Count = 0
    """failures that count against backoffLimit; an attempt that was suspended is none."""
    active_seconds: Count = 0
    """activeSeconds is how long the attempts that have ended took together, which counts against activeDeadline."""
    metrics: Annotated[tuple[MetricValue, ...], Field(max_length=MAX_METRICS), ListMap("name")] = ()
    """metrics on the test part."""
    gate: GateStatus | None = None
    """gate is what the gate said."""
    registered: Registered | None = None
    """registered is the version in the model registry."""


_FROZEN = ("trainer", "dataset", "seed", "engine", "gate", "register", "activeDeadline", "backoffLimit")
_FROZEN_OPTIONAL = ("image", "baseModel", "parameters", "command")


def _frozen_once_started() -> Cel:
    same = [f"self.spec.{name} == oldSelf.spec.{name}" for name in _FROZEN]
    for name in _FROZEN_OPTIONAL:
        both = f"has(self.spec.{name}) == has(oldSelf.spec.{name})"
        same.append(f"{both} && (!has(self.spec.{name}) || self.spec.{name} == oldSelf.spec.{name})")
    started = "has(oldSelf.status) && has(oldSelf.status.startedAt)"
    return Cel(
        f"!({started}) || ({' && '.join(same)})",
        "spec is immutable once the run has started: make a new TrainingRun (suspend may still change)",
        field="spec",
    )


class TrainingRun(ApiModel):
    """TrainingRun trains one component once, and registers the version if it passes the gate."""

    api_version: Literal["pawl.dev/v1alpha1"] = "pawl.dev/v1alpha1"
    kind: Literal["TrainingRun"] = "TrainingRun"
    metadata: ObjectMeta
    spec: TrainingRunSpec
    """spec is what is wanted."""
    status: TrainingRunStatus = Field(default_factory=TrainingRunStatus)
    """status is what is so."""

    rules = (NAME_RULE, _frozen_once_started())
