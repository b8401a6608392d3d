"""LearningLoop: trains a component again when there is enough new truth, and brings the version to its Rollout."""

from typing import Annotated, Literal

from pydantic import Field

from pawl.api.component import RegistryName
from pawl.api.experiment import ExperimentPlan, ObjectRef
from pawl.api.meta import ApiModel, Bool, Conditions, Count, LongDuration, Name, ObjectMeta, ShortText, Text, Timestamp
from pawl.api.resource import NAME_RULE
from pawl.api.rollout import Cron, TimeZone
from pawl.api.rules import Cel, Shape, Whole, immutable
from pawl.api.training_run import TrainingPlan

Examples = Annotated[int, Whole(1, 1_000_000_000, ruled=True)]


class Registry(ApiModel):
    """A model that is trained elsewhere."""

    model: RegistryName
    """model in the registry."""
    alias: Annotated[
        str,
        Shape(
            r"^[A-Za-z][-A-Za-z0-9_]*$",
            "write an alias of letters, digits, '-' and '_', starting with a letter",
            longest=128,
        ),
    ]
    """alias whose changes are followed."""


class LoopSource(ApiModel):
    """Where new versions come from."""

    type: Literal["Training", "Registry"] = "Training"
    """type: Training makes TrainingRuns, Registry follows an alias and enters at the Experiment."""
    registry: Registry | None = None
    """registry to follow, with type Registry."""

    rules = (
        Cel(
            "(self.type == 'Registry') == has(self.registry)",
            "registry belongs to type Registry, and to no other: set both or neither",
            lambda value: (value.type == "Registry") == (value.registry is not None),
            field="registry",
        ),
    )


class TrainingTemplate(ApiModel):
    """TrainingRuns are made from this."""

    spec: TrainingPlan
    """spec of each TrainingRun; component and the champion are filled in."""


class ExperimentTemplate(ApiModel):
    """Experiments are made from this."""

    spec: ExperimentPlan
    """spec of each Experiment; rolloutRef and variants are filled in."""


class HistoryLimits(ApiModel):
    """How many finished children are kept."""

    successful: Annotated[int, Whole(0, 100)] = 3
    """successful ones that are kept."""
    failed: Annotated[int, Whole(0, 100)] = 3
    """failed ones that are kept."""


class LearningLoopSpec(ApiModel):
    """When to learn, and what happens with what was learned."""

    component: Name
    """component that learns; immutable."""
    rollout_ref: ObjectRef
    """rolloutRef is the Rollout that gets new versions."""
    source: LoopSource = LoopSource()
    """source of new versions."""
    schedule: Cron | None = None
    """schedule on which the need is looked at, as cron; absent: all the time."""
    time_zone: TimeZone = "UTC"
    """timeZone of schedule, an IANA name such as Europe/Berlin."""
    min_new_examples: Examples = 1000
    """minNewExamples that must have come since the last training; confirmations do not count."""
    or_after: LongDuration = "28d"
    """orAfter is the time after which fewer examples are enough, down to floor."""
    floor: Examples = 100
    """floor of new examples below which nothing is trained, ever."""
    suspend: Bool = False
    """suspend starts nothing new."""
    concurrency_policy: Literal["Forbid", "Replace"] = "Forbid"
    """concurrencyPolicy: Forbid waits for the run on its way, Replace ends it."""
    stage: Literal["Shadow", "Live", "None"] = "Shadow"
    """stage: the kind of Experiment before a release; None releases at once."""
    approval: Literal["Automatic", "Manual"] = "Automatic"
    """approval: Manual waits for a person before a version becomes the candidate."""
    training_template: TrainingTemplate | None = None
    """trainingTemplate of the TrainingRuns; type Training needs it."""
    experiment_template: ExperimentTemplate | None = None
    """experimentTemplate of the Experiments; every stage but None needs it."""
    history_limits: HistoryLimits = HistoryLimits()
    """historyLimits of finished children."""

    rules = (
        Cel(
            "(self.source.type == 'Training') == has(self.trainingTemplate)",
            "trainingTemplate belongs to source.type Training, and to no other: set both or neither",
            lambda spec: (spec.source.type == "Training") == (spec.training_template is not None),
            field="trainingTemplate",
        ),
        Cel(
            "self.stage == 'None' || has(self.experimentTemplate)",
            "stage Shadow or Live needs experimentTemplate: set it, or stage None",
            lambda spec: spec.stage == "None" or spec.experiment_template is not None,
            field="experimentTemplate",
        ),
        Cel(
            "self.floor <= self.minNewExamples",
            "floor must not be above minNewExamples: lower floor",
            lambda spec: spec.floor <= spec.min_new_examples,
            field="floor",
        ),
        immutable("component", "make a new LearningLoop for another component"),
    )


class LearningLoopStatus(ApiModel):
    """What is so."""

    conditions: Conditions = ()
    """conditions: Accepted, Ready, Queued."""
    observed_generation: Count | None = None
    """observedGeneration is the generation this status speaks of."""
    phase: Literal["Pending", "Waiting", "Training", "Experimenting", "Queued", "Releasing", "Suspended"] | None = None
    """phase in one word, for people."""
    message: Text = ""
    """message is the present state in one sentence."""
    have: Count | None = None
    """have is the number of new examples so far."""
    need: Count | None = None
    """need is the number of new examples that start a training."""
    expected_at: Timestamp | None = None
    """expectedAt is when they will be there, at the present rate."""
    active: ShortText = ""
    """active child, as Kind/name."""
    last_finished_at: Timestamp | None = None
    """lastFinishedAt is when the last turn ended."""


class LearningLoop(ApiModel):
    """LearningLoop trains a component again when there is enough new truth."""

    api_version: Literal["pawl.dev/v1alpha1"] = "pawl.dev/v1alpha1"
    kind: Literal["LearningLoop"] = "LearningLoop"
    metadata: ObjectMeta
    spec: LearningLoopSpec
    """spec is what is wanted."""
    status: LearningLoopStatus = Field(default_factory=LearningLoopStatus)
    """status is what is so."""

    rules = (NAME_RULE,)
