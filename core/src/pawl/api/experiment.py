"""Experiment: a question put to one Rollout, answered by users on two or more arms."""

from typing import Annotated, Literal

from pydantic import Field

from pawl.api.analysis import MinUsers, Pairing, at_least
from pawl.api.meta import (
    ApiModel,
    Bool,
    Conditions,
    Count,
    Digest,
    Direction,
    Duration,
    LongDuration,
    Margin,
    Name,
    ObjectMeta,
    Probability,
    Revision,
    ShortText,
    Source,
    Text,
    Timestamp,
)
from pawl.api.resource import NAME_RULE
from pawl.api.rollout_status import EvidenceStatus
from pawl.api.rules import Cel, ListMap, Whole, immutable
from pawl.api.serving import ServeOverride

DEFAULT_WEIGHT = 10
Decision = Literal["Ship", "Reject", "KeepControl", "Extend", "Invalid"]


class ObjectRef(ApiModel):
    """An object of Pawl in the same namespace."""

    name: Name
    """name of the object."""


class ExperimentMetric(ApiModel):
    """One metric that is compared between the arms."""

    name: Name
    """name of a metric of the Component."""
    role: Literal["Primary", "Guardrail", "Secondary"] = "Guardrail"
    """role: the Primary decides, a Guardrail must not be harmed, a Secondary is only reported."""
    direction: Direction | None = None
    """direction says which way is better; absent: as the Component says."""
    margin: Margin | None = None
    """margin is the loss that still counts as harmless; absent: as the Component says."""
    min_users: MinUsers | None = None
    """minUsers is how many users each arm needs before the metric is judged; absent: analysis.minUsers."""


class ExperimentAnalysis(ApiModel):
    """How evidence is gathered and judged."""

    alpha: Probability = "0.05"
    """alpha is the probability of rejecting a treatment that does no harm."""
    ship_alpha: Probability = "0.05"
    """shipAlpha is the probability of shipping a treatment that is not as good, split over the metrics that decide."""
    interval: Duration = "60s"
    """interval between two evaluations."""
    window: Duration = "24h"
    """window is how long a user is observed from the first exposure; then the user counts, once."""
    label_delay: Duration = "0s"
    """labelDelay is how long after the window's end feedback may still arrive."""
    min_samples_per_variant: Annotated[int, Whole(1, 1_000_000_000)] = 1000
    """minSamplesPerVariant is how many scored interactions each arm needs before Ship."""
    min_users: MinUsers = 30
    """minUsers is how many users each arm needs before any decision."""
    max_duration: LongDuration = "28d"
    """maxDuration after which the experiment ends with what is known."""
    whole_days: Bool = True
    """wholeDays lets Ship be decided only after whole days, so that every hour of the day counts alike."""
    expected_users: Annotated[int, Whole(10, 1_000_000_000)] = 2000
    """expectedUsers is the number of users at which the interval shall be tightest."""
    pairing: Pairing = Pairing()
    """pairing lets both arms answer the same requests."""

    rules = (at_least("interval", "interval", "1s"), at_least("window", "window", "1s"))


class ExperimentPlan(ApiModel):
    """The part of an Experiment that a LearningLoop may hold as a template."""

    mode: Literal["Live", "Shadow"] = "Live"
    """mode: Live shows users the treatment, in Shadow nobody sees it."""
    layer: Name | None = None
    """layer in which a user is in one experiment at most; absent: a layer of its own."""
    unit: Literal["User", "Request"] = "User"
    """unit that is assigned to an arm."""
    metrics: Annotated[
        tuple[ExperimentMetric, ...],
        Field(min_length=1, max_length=8),
        ListMap("name"),
        Cel(
            "self.filter(m, m.role == 'Primary').size() == 1",
            "exactly one metric must have role Primary: give it to the one that decides",
            lambda items: sum(item.role == "Primary" for item in items) == 1,
        ),
    ]
    """metrics that are compared."""
    analysis: ExperimentAnalysis = ExperimentAnalysis()
    """analysis says how evidence is judged."""
    on_ship: Literal["Report", "SetCandidate"] = "Report"
    """onShip: Report the decision only, or SetCandidate of the Rollout."""


class Variant(ApiModel):
    """One arm."""

    name: Name
    """name of the arm."""
    role: Literal["Control", "Treatment"]
    """role: Control is the Rollout's stable, frozen at the start; a Treatment is compared with it."""
    source: Source | None = None
    """source of the treatment's artifact; Control has none."""
    digest: Digest = ""
    """digest of the treatment's artifact; empty exactly when there is none."""
    serve: ServeOverride | None = None
    """serve changes fields of the Rollout's serve for this treatment."""
    weight: Annotated[int, Whole(1, 99, ruled=True)] | None = None
    """weight is the percentage of users of a treatment, 10 when absent; Control gets the rest and has no weight."""

    rules = (
        Cel(
            "self.role != 'Control' || !(has(self.source) || has(self.serve) || has(self.weight))",
            "Control is the Rollout's stable with what the treatments leave: remove source, serve and weight",
            lambda arm: arm.role != "Control" or not (arm.source or arm.serve or arm.weight),
            field="role",
        ),
        Cel(
            "(!has(self.source) || self.source == 'none') == (!has(self.digest) || self.digest == '')",
            "digest belongs to an artifact: write sha256:<64 hex>, or leave it out where source is absent or none",
            lambda arm: (arm.source in (None, "none")) == (arm.digest == ""),
            field="digest",
        ),
    )


def _weights(variants: tuple[Variant, ...]) -> int:
    return sum(arm.weight or DEFAULT_WEIGHT for arm in variants if arm.role == "Treatment")


Variants = Annotated[
    tuple[Variant, ...],
    Field(min_length=2, max_length=4),
    ListMap("name"),
    Cel(
        "self.filter(v, v.role == 'Control').size() == 1",
        "exactly one arm must have role Control: give it to the arm that stands for what is live",
        lambda items: sum(item.role == "Control" for item in items) == 1,
    ),
    Cel(
        "self.filter(v, v.role == 'Treatment').map(v, has(v.weight) ? v.weight : 10).sum() <= 99",
        "the weights of the treatments (10 where absent) must leave at least 1 percent for Control: lower them",
        lambda items: _weights(items) <= 99,
    ),
]


class ExperimentSpec(ExperimentPlan):
    """What is asked."""

    rollout_ref: ObjectRef | None = None
    """rolloutRef is the Rollout that is asked; immutable."""
    assignment_only: Bool = False
    """assignmentOnly assigns users and logs exposures, and touches no traffic; immutable."""
    variants: Variants
    """variants are the arms; immutable."""
    suspend: Bool = False
    """suspend gives the traffic back to stable."""

    rules = (
        Cel(
            "has(self.rolloutRef) != self.assignmentOnly",
            "exactly one of rolloutRef and assignmentOnly must be set: name the Rollout, or write assignmentOnly: true",
            lambda spec: (spec.rollout_ref is not None) != spec.assignment_only,
        ),
        Cel(
            "!self.assignmentOnly || self.mode == 'Live'",
            "mode Shadow needs a Rollout that serves the treatment: use rolloutRef, or mode Live",
            lambda spec: not spec.assignment_only or spec.mode == "Live",
            field="mode",
        ),
        Cel(
            "self.assignmentOnly || self.variants.all(v, v.role == 'Control' || has(v.source))",
            "every Treatment needs a source (with rolloutRef it is served): set source, none for a prompt",
            lambda spec: spec.assignment_only or all(v.role == "Control" or v.source for v in spec.variants),
            field="variants",
        ),
        immutable("rolloutRef", "make a new Experiment", optional=True),
        immutable("assignmentOnly", "make a new Experiment"),
        immutable("variants", "make a new Experiment"),
        immutable("mode", "make a new Experiment"),
        immutable("unit", "make a new Experiment"),
    )


class ControlStatus(ApiModel):
    """The Rollout's stable at the start of the experiment."""

    revision: Revision
    """revision that is the control."""
    source: Annotated[str, Field(max_length=512)]
    """source of its artifact."""
    digest: Digest = ""
    """digest of its artifact."""


class TreatmentStatus(ControlStatus):
    """The treatment as the Rollout serves it."""

    variant: Name
    """variant is its name among the arms."""


class ExperimentStatus(ApiModel):
    """What is so."""

    conditions: Conditions = ()
    """conditions: Accepted, TrafficGranted, MetricsAvailable, Complete."""
    observed_generation: Count | None = None
    """observedGeneration is the generation this status speaks of."""
    phase: Literal["Pending", "Waiting", "Running", "Complete"] | None = None
    """phase in one word, for people."""
    message: Text = ""
    """message is the present state in one sentence."""
    started_at: Timestamp | None = None
    """startedAt is when the first user was assigned."""
    finished_at: Timestamp | None = None
    """finishedAt is when it was decided."""
    decision: Decision | None = None
    """decision that was reached."""
    reason: ShortText = ""
    """reason of the decision as a CamelCase word."""
    control: ControlStatus | None = None
    """control as frozen at the start."""
    treatment: TreatmentStatus | None = None
    """treatment as frozen at the start."""
    candidate_set_at: Timestamp | None = None
    """candidateSetAt is when a shipped treatment was made the Rollout's candidate."""
    evidence: Annotated[tuple[EvidenceStatus, ...], Field(max_length=32)] = ()
    """evidence that was judged last, per metric."""


class Experiment(ApiModel):
    """Experiment puts a question to one Rollout: is the treatment better than what is live?"""

    api_version: Literal["pawl.dev/v1alpha1"] = "pawl.dev/v1alpha1"
    kind: Literal["Experiment"] = "Experiment"
    metadata: ObjectMeta
    spec: ExperimentSpec
    """spec is what is wanted."""
    status: ExperimentStatus = Field(default_factory=ExperimentStatus)
    """status is what is so."""

    rules = (NAME_RULE,)
