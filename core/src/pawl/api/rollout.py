"""Rollout: the long-lived owner of one route, and how a candidate becomes stable on it."""

from typing import Annotated, Literal

from pydantic import Field

from pawl.api.analysis import Analysis
from pawl.api.meta import (
    ApiModel,
    Bool,
    Count,
    Duration,
    Name,
    ObjectMeta,
    ObjectName,
    SecretKeyRef,
)
from pawl.api.resource import NAME_RULE
from pawl.api.rollout_status import RolloutStatus
from pawl.api.rules import Cel, ListMap, Shape, Whole, at_most_one_of, exactly_one_of, immutable
from pawl.api.serving import ModelVersion, ServeSpec, ServicePair
from pawl.api.steps import DEFAULT_STEPS, Steps


class RouteRef(ApiModel):
    """One rule of a Gateway API route in the same namespace."""

    group: Literal["gateway.networking.k8s.io"] = "gateway.networking.k8s.io"
    """group of the route's API."""
    kind: Literal["HTTPRoute"] = "HTTPRoute"
    """kind of the route."""
    name: ObjectName
    """name of the route."""
    rule_name: ObjectName
    """ruleName is the name of the rule in the route; Pawl writes this rule's backends and nothing else."""


class Flag(ApiModel):
    """Shares are published for applications that ask, where no gateway stands in front of the model."""

    key: Name
    """key under which applications ask for their version."""


class Stickiness(ApiModel):
    """Who stays on an arm."""

    unit: Literal["User", "Request"] = "User"
    """unit that is assigned to an arm: a User stays on it for the whole step and on the way up, a Request does not."""
    header: Annotated[
        str,
        Shape(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            "write a header's name in lower case, such as x-user-id",
            longest=128,
        ),
    ] = "x-user-id"
    """header that carries the user's id, in lower case."""


Cron = Annotated[
    str,
    Shape(r"^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$", "write five fields, such as '0 9 * * 1-5'", longest=128),
]
TimeZone = Annotated[
    str,
    Shape(
        r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
        "write an IANA time zone, such as Europe/Berlin",
        longest=64,
    ),
]


class StepWindow(ApiModel):
    """A time in which steps may be raised; rollback is possible at any time."""

    cron: Cron
    """cron says when the window opens: minute, hour, day of month, month, day of week."""
    time_zone: TimeZone = "UTC"
    """timeZone of cron, an IANA name such as Europe/Berlin."""
    duration: Duration
    """duration for which the window stays open."""


class Bake(ApiModel):
    """The time after promotion in which the old stable is kept at full size and a rollback is instant."""

    duration: Duration = "24h"
    """duration of the bake."""
    stable_share: Annotated[int, Whole(0, 10)] = 0
    """stableShare is the percentage of traffic that stays on the old stable during the bake, for comparison."""


class Notification(ApiModel):
    """A webhook that is told of every change of phase."""

    name: Name
    """name of the receiver."""
    url: (
        Annotated[
            str,
            Shape(r"^https?://[!-~]+$", "write a URL that starts with http:// or https://", longest=512),
        ]
        | None
    ) = None
    """url to POST to; use secretRef where the URL itself is a secret."""
    secret_ref: SecretKeyRef | None = None
    """secretRef names the key of a Secret that holds the URL."""

    rules = (exactly_one_of("url", "secretRef", "use secretRef where the URL itself is a secret"),)


class RolloutAction(ApiModel):
    """What a person asks the Rollout to do; done once, and an Abort that came too early stays open while it stands."""

    verb: Literal["Abort", "Promote", "Retry", "Repin", "Approve"]
    """verb: Abort (back to stable), Promote (skip the remaining holds), Retry (a rejected candidate), Repin (take the
    route back), Approve (leave a pause)."""
    release: Count
    """release is the number of the release that is meant; another one ignores the action."""
    step: Annotated[int, Whole(1, 20)] | None = None
    """step whose pause is approved; absent: the present one."""

    rules = (
        Cel(
            "!has(self.step) || self.verb == 'Approve'",
            "step belongs to verb Approve only: leave it out",
            lambda value: value.step is None or value.verb == "Approve",
            field="step",
        ),
    )


class RolloutSpec(ApiModel):
    """What is served on one route, and how a new revision comes to it."""

    component: Name
    """component is the name of the Component that is served; immutable."""
    route_ref: RouteRef | None = None
    """routeRef is the rule whose backends Pawl writes; immutable."""
    flag: Flag | None = None
    """flag publishes the shares to applications instead of a route; immutable."""
    initial_stable: ModelVersion
    """initialStable is served first; it is read only while status.stable is empty."""
    candidate: ModelVersion | None = None
    """candidate is the version to release; absent or equal to stable: nothing is released."""
    serve: ServeSpec | None = None
    """serve is the pod template of every revision."""
    services: ServicePair | None = None
    """services are run by somebody else, in place of serve."""
    stickiness: Stickiness = Stickiness()
    """stickiness says who stays on an arm."""
    steps: Steps = DEFAULT_STEPS
    """steps on the way from 0 to 100 percent."""
    step_windows: Annotated[tuple[StepWindow, ...], Field(max_length=8)] = ()
    """stepWindows limit when steps are raised; empty: at any time."""
    analysis: Analysis = Analysis()
    """analysis says what the candidate is judged by."""
    bake: Bake = Bake()
    """bake keeps the old stable for a while after promotion."""
    stable_capacity: Literal["Full", "Match"] = "Full"
    """stableCapacity: Full keeps stable at full size during a release, Match lets it shrink with its share."""
    deletion_policy: Literal["Orphan", "Delete"] = "Orphan"
    """deletionPolicy: Orphan leaves stable and its route serving when the Rollout is deleted, Delete removes them."""
    notify: Annotated[tuple[Notification, ...], Field(max_length=8), ListMap("name")] = ()
    """notify are webhooks; they are stored, and not called yet."""
    suspend: Bool = False
    """suspend stops raising steps; rollback stays possible."""
    progress_deadline: Duration = "10m"
    """progressDeadline is how long a revision may take to become ready."""
    action: RolloutAction | None = None
    """action asks for one deed now; it needs permission to update rollouts/promote."""

    rules = (
        exactly_one_of("routeRef", "flag", "set routeRef where a gateway stands in front, else flag"),
        at_most_one_of("serve", "services", "keep serve if Pawl shall run the pods, services if you run them"),
        Cel(
            "has(self.flag) || has(self.serve) || has(self.services)",
            "the route needs a backend: set serve (Pawl runs the pods) or services (you run them)",
            lambda spec: spec.flag is not None or spec.serve is not None or spec.services is not None,
        ),
        Cel(
            "has(self.serve) || !(has(self.initialStable.serve) || (has(self.candidate) && has(self.candidate.serve)))",
            "initialStable.serve and candidate.serve change fields of spec.serve: set spec.serve or remove them",
            lambda spec: spec.serve is not None or not _overrides(spec),
        ),
        Cel(
            "!has(self.flag) || self.analysis.pairing.mode != 'Mirror'",
            "analysis.pairing.mode Mirror needs a gateway: use routeRef, or pairing.mode Replay or Client",
            lambda spec: spec.flag is None or spec.analysis.pairing.mode != "Mirror",
            field="analysis.pairing.mode",
        ),
        Cel(
            "self.analysis.onStall != 'Rollback' || self.steps.all(s, has(s.maxDuration))",
            "onStall Rollback needs maxDuration on every step: add it, for nothing else says when a step has stalled",
            lambda spec: spec.analysis.on_stall != "Rollback" or all(step.max_duration for step in spec.steps),
            field="analysis.onStall",
        ),
        immutable("component", "make a new Rollout for another component"),
        immutable("routeRef", "make a new Rollout for another rule", optional=True),
        immutable("flag", "make a new Rollout for another flag", optional=True),
    )


class Rollout(ApiModel):
    """Rollout owns one route rule and brings candidates to it, step by step, on evidence."""

    api_version: Literal["pawl.dev/v1alpha1"] = "pawl.dev/v1alpha1"
    kind: Literal["Rollout"] = "Rollout"
    metadata: ObjectMeta
    spec: RolloutSpec
    """spec is what is wanted."""
    status: RolloutStatus = Field(default_factory=RolloutStatus)
    """status is what is so; status.stable is the one truth of what is live."""

    rules = (NAME_RULE,)


def _overrides(spec: RolloutSpec) -> bool:
    candidate = spec.candidate.serve if spec.candidate is not None else None
    return spec.initial_stable.serve is not None or candidate is not None
