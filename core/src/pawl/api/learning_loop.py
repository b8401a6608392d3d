"""LearningLoop: trains a component again when there is enough new truth, and brings the version to its Rollout."""

from typing import Annotated, Literal

from pydantic import Field

from pawl.api.component import RegistryName
from pawl.api.experiment import DEFAULT_WEIGHT, ExperimentPlan, ObjectRef
from pawl.api.meta import (
    ApiModel,
    Bool,
    Conditions,
    Count,
    Digest,
    LongDuration,
    Name,
    ObjectMeta,
    Revision,
    ShortText,
    Text,
    Timestamp,
)
from pawl.api.resource import name_rule
from pawl.api.rollout import Cron, TimeZone
from pawl.api.rules import Cel, ListMap, Shape, Whole, immutable
from pawl.api.training_run import Registered, TrainingPlan

Examples = Annotated[int, Whole(1, 1_000_000_000, ruled=True)]
MAX_LOOP_NAME = 32
"""Leaves a dash and seven digits for the number of a turn in the name of a child."""
MAX_TURNS = 3
MAX_HISTORY = 20
TurnState = Literal["Training", "Queued", "Experimenting", "AwaitingApproval", "Releasing"]
TurnOutcome = Literal[
    "Promoted",
    "RolledBack",
    "Aborted",
    "Superseded",
    "NotShipped",
    "GateRefused",
    "NotRegistered",
    "TrainingFailed",
    "Replaced",
    "StableMoved",
    "Unchanged",
    "Lost",
]


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
    """spec of each Experiment; rolloutRef, variants, mode (as stage says) and onShip (as approval says) are filled
    in."""
    treatment_weight: Annotated[int, Whole(1, 99)] = DEFAULT_WEIGHT
    """treatmentWeight is the percentage of users who get the new version; the rest stay with what is live."""


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


class Champion(ApiModel):
    """What was live when a turn began: the opponent of its gate."""

    revision: Revision
    """revision that was live."""
    source: Annotated[str, Field(max_length=512)]
    """source of its artifact."""
    digest: Digest = ""
    """digest of its artifact."""


class Turn(ApiModel):
    """A turn of the loop that is under way: from new examples to a version that is live, or is not wanted."""

    number: Count
    """number of the turn; its TrainingRun and its Experiment are called <loop>-<number>."""
    state: TurnState
    """state: Training, Queued (registered, and it waits), Experimenting, AwaitingApproval or Releasing."""
    started_at: Timestamp
    """startedAt is when it began."""
    cause: ShortText = ""
    """cause of its beginning as a CamelCase word."""
    examples: Count = 0
    """examples that were new when it began."""
    champion: Champion | None = None
    """champion that its version has to beat, pinned when it began."""
    training_run: ShortText = ""
    """trainingRun that was seen."""
    experiment: ShortText = ""
    """experiment that was seen."""
    registered: Registered | None = None
    """registered is the version that came out of the training."""
    handed_over_at: Timestamp | None = None
    """handedOverAt is when the version was given to the Rollout, or to the person who has to approve it."""
    release_before: Count = 0
    """releaseBefore is the Rollout's last release before that."""
    candidate_seen: Bool = False
    """candidateSeen says whether the Rollout has named the version as its candidate."""
    release: Count = 0
    """release of the Rollout in which the version is; 0: none yet."""


class TurnRecord(ApiModel):
    """A turn that has ended."""

    turn: Count
    """turn number."""
    outcome: TurnOutcome
    """outcome of the turn."""
    reason: ShortText = ""
    """reason as a CamelCase word."""
    message: Text = ""
    """message is a sentence for people."""
    examples: Count = 0
    """examples that were new when it began."""
    started_at: Timestamp
    """startedAt is when it began."""
    finished_at: Timestamp
    """finishedAt is when it ended."""
    source: Annotated[str, Field(max_length=512)] = ""
    """source of the version; empty: none was registered."""
    digest: Digest = ""
    """digest of its artifact."""
    release: Count = 0
    """release of the Rollout that it was; 0: none."""


class LearningLoopStatus(ApiModel):
    """What is so."""

    conditions: Conditions = ()
    """conditions: Ready, Accepted, NeedKnown, Queued; Reconciled while something fails."""
    observed_generation: Count | None = None
    """observedGeneration is the generation this status speaks of."""
    phase: (
        Literal[
            "Pending",
            "Waiting",
            "Training",
            "Experimenting",
            "Queued",
            "AwaitingApproval",
            "Releasing",
            "Suspended",
        ]
        | None
    ) = None
    """phase in one word, for people."""
    message: Text = ""
    """message is the present state in one sentence."""
    have: Count | None = None
    """have is the number of new examples so far; absent: nobody knows."""
    need: Count | None = None
    """need is the number of new examples that start a training."""
    expected_at: Timestamp | None = None
    """expectedAt is when they will be there, at the present rate."""
    active: ShortText = ""
    """active child, as Kind/name."""
    learned_until: Timestamp | None = None
    """learnedUntil: examples that were received later count as new; absent: all do."""
    learned_at: Timestamp | None = None
    """learnedAt is when learnedUntil was set; what was counted before that is out of date."""
    looked_at: Timestamp | None = None
    """lookedAt is the last time of schedule at which the need was looked at."""
    turn: Count = 0
    """turn is the number of the last turn."""
    turns: Annotated[tuple[Turn, ...], Field(max_length=MAX_TURNS), ListMap("number")] = ()
    """turns under way, oldest first: one has an active child, one waits, one is in the Rollout."""
    history: Annotated[tuple[TurnRecord, ...], Field(max_length=MAX_HISTORY)] = ()
    """history of ended turns, newest last."""
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

    rules = (name_rule(MAX_LOOP_NAME, "names of its TrainingRuns and Experiments are made from it"),)
