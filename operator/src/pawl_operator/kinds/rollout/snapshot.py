"""Everything that `decide` may know about one Rollout, as frozen data; `observe` fills it, nobody else adds to it.

Absent is None or empty, never an exception: what could not be read is told apart from what is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from pawl.api.rollout import Rollout
from pawl.api.serving import ModelVersion
from pawl.evidence import ReleaseEvidence
from pawl.gateway import GatewayCounters
from pawl.margins import MetricDefault
from pawl_operator.kinds.rollout.actions import Variant

CANDIDATE = "candidate"
STABLE = "stable"
HASHED_BUCKET = "HashedBucket"
ASSIGNER = "Assigner"
"""The capability to give each user of an Experiment an arm: there is an assigner, and a gateway that can ask it."""


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """One model workload `<rollout>-<revision>` (with `spec.services`: the Service's endpoints), counted over its
    present pods.
    """

    revision: str
    exists: bool = True
    desired: int = 0
    ready: int = 0
    available: int = 0
    up: int = 0
    """Pods that say themselves that they are ready; `ready` is 0 while the Deployment's own counts are out of date."""
    restarts: int = 0
    last_terminated: datetime | None = None
    """When a container of its pods last ended, whatever the exit code."""
    not_ready_since: datetime | None = None
    """Since when no pod has been ready; None while one is, or where nobody knows."""
    source: str = ""
    """Annotation `pawl.dev/source`; with digest and release it lets a lost status be rebuilt."""
    digest: str = ""
    release: int = 0
    """Annotation `pawl.dev/release`: the release it was made for, 0 for the initial stable."""
    full: int | None = None
    """Annotation `pawl.dev/replicas`: its full size, however small it is now; None: an autoscaler's, or not known."""
    owned: bool = True
    """Whether it carries an owner reference to the Rollout, so that it goes when the Rollout goes."""


@dataclass(frozen=True, slots=True)
class RouteBackend:
    """One backendRef of our rule. `arm`, `revision`, `release`, `step` come from its header filters.

    They are None where a filter is missing or where the request and the response filter disagree; a backend that is
    not ours has `ours=False` (its Service is neither a workload of this Rollout nor one of `spec.services`, and it
    carries no arm).
    """

    service: str
    weight: int
    ours: bool = True
    arm: str | None = None
    revision: str | None = None
    release: int | None = None
    step: int | None = None
    own_mark: bool = True
    """Whether the mark names this very Rollout; an earlier one of the same name had another uid."""


@dataclass(frozen=True, slots=True)
class RouteMirror:
    """One RequestMirror filter that Pawl put on the rule."""

    service: str
    percent: int


@dataclass(frozen=True, slots=True)
class VariantState:
    """One rule that a trial put beside ours, as it stands on the route."""

    variant: Variant
    follows: bool = True
    """Whether all else in it is as in our rule; not so once people have edited either."""


@dataclass(frozen=True, slots=True)
class RouteState:
    """Our rule of the HTTPRoute as the API server holds it, and what its gateways say about it."""

    generation: int
    resource_version: str
    backends: tuple[RouteBackend, ...]
    mirrors: tuple[RouteMirror, ...] = ()
    variants: tuple[VariantState, ...] = ()
    """The rules of a trial beside ours."""
    places: tuple[int, ...] = ()
    """The weights of our backendRefs as they stand there, before two that name the same arm are taken as one."""
    warmable: bool = True
    """Whether a place without traffic can have some weight all the same; beside strangers that have nearly all of the
    rule even one part would be too much.
    """
    accepted: bool = False
    """Every parent: condition Accepted is True."""
    resolved: bool = False
    """Every parent: condition ResolvedRefs is True."""
    observed: bool = False
    """Every parent: both conditions carry observedGeneration == generation. All three are False without any parent.
    """
    parents: int = 0
    message: str = ""
    """What a parent complains about, for people."""

    @property
    def ours(self) -> tuple[RouteBackend, ...]:
        """Our backends in their order on the route."""
        return tuple(backend for backend in self.backends if backend.ours)

    @property
    def cold_first(self) -> bool:
        """Whether the first place has no weight: a gateway may lack what it needs to send anything there."""
        return self.warmable and len(self.places) > 1 and self.places[0] == 0

    @property
    def cold_second(self) -> bool:
        """Whether the second place has no weight, or is not there."""
        return self.warmable and len(self.places) > 0 and self.places[1:2] in ((), (0,))

    @property
    def leads(self) -> bool:
        """Whether the first place has more weight than the second, whoever stands in them."""
        return len(self.places) > 0 and self.places[0] > sum(self.places[1:2])

    @property
    def programmed(self) -> bool:
        """Whether every gateway serves exactly this generation."""
        return self.accepted and self.resolved and self.observed

    @property
    def unresolved(self) -> bool:
        """Whether the gateways have looked at this generation and one of them misses a backend."""
        return self.observed and not self.resolved

    def candidate_share(self, revision: str) -> Fraction:
        """Return what `revision` gets of the traffic that goes to our backends, in percent."""
        total = sum(backend.weight for backend in self.ours)
        if total == 0:
            return Fraction(0)
        return Fraction(100 * sum(b.weight for b in self.ours if b.revision == revision), total)


@dataclass(frozen=True, slots=True)
class ClaimState:
    """The Lease that makes one Rollout the only writer of the rule. A claim whose holder is gone counts as free."""

    held: bool = False
    """This Rollout (by uid) holds it."""
    holder: str | None = None
    """`kind/name` of the holder, whoever it is; None: free."""


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """An Experiment that asks for this Rollout's traffic, as far as it is well formed; ``created`` orders those that
    wait.
    """

    name: str
    uid: str
    created: datetime
    treatment: str
    """The treatment's name among the variants."""
    control: str
    version: ModelVersion
    """The treatment."""
    weight: int
    """Percent of users that meet the treatment; 0: nobody does (Shadow)."""
    mirror_percent: int = 0


@dataclass(frozen=True, slots=True)
class AssignerState:
    """What is known of the assigner; read only while somebody waits for it."""

    offered: bool = False
    """Whether the gateway can ask it: it is installed, and the gateway knows such policies."""
    header_removed: bool | None = None
    """Whether every gateway of the route takes x-pawl-variant away from what clients send; None: could not be read."""
    policy: bool = False
    """Our SecurityPolicy is there."""
    policy_wanted: bool = False
    """It asks by the right header, on the right rule."""
    refusal: str | None = None
    """Why a gateway refuses that policy; empty: all have accepted it; None: none has said anything yet."""
    generations: tuple[int, ...] = ()
    """The assignment's generation that each ready replica has for this Rollout; 0: none yet."""


@dataclass(frozen=True, slots=True)
class RolloutSnapshot:
    """A Rollout, its workloads, route, claim and metrics, all read within one pass."""

    rollout: Rollout
    uid: str
    generation: int
    deleting_since: datetime | None = None
    """metadata.deletionTimestamp."""
    finalizers: tuple[str, ...] = ()
    workloads: Mapping[str, WorkloadState] = field(default_factory=dict)
    """By revision; only workloads of this Rollout."""
    route: RouteState | None = None
    """None: the route, or the rule of that name in it, is not there."""
    sticky_policy: bool = False
    """Our BackendTrafficPolicy is there and as wanted."""
    sticky_refusal: str | None = None
    """Why a gateway refuses it; empty: all have accepted it; None: none has said anything about it as it is now."""
    claim: ClaimState = field(default_factory=ClaimState)
    trials: tuple[TrialRequest, ...] = ()
    """Experiments that ask for the traffic."""
    assigner: AssignerState = field(default_factory=AssignerState)
    component_metrics: Mapping[str, MetricDefault] | None = None
    """What the Component that spec.component names says about its metrics, by name; None: there is no such Component.
    """
    evidence: ReleaseEvidence | None = None
    """The monitor's evidence about this uid; None: the query answered and knew nothing, or it failed (see
    metrics_fresh_at).
    """
    gateway: Mapping[str, GatewayCounters] | None = None
    """By arm (`candidate`, `stable`), raw samples of `pawl.hard_limits.lookback(plan.analysis.hard_limits)`. Empty:
    gateway metrics are switched off, or nobody asked an arm yet; None: they could not be read, which judges as
    Unavailable.
    """
    metrics_fresh_at: datetime | None = None
    """When a query of this fleet last succeeded; None: never. Older than `evidence_max_age` means Unavailable."""
    evidence_max_age: timedelta = timedelta(seconds=45)
    """max(3 scrapes, 2 monitor ticks)."""
    clock_skew: timedelta = timedelta(0)
    """Largest known difference of Prometheus' and our clock, absolute."""
    error_source: str = "Gateway"
    """Where hard limits are read: Gateway or Serving."""
    capabilities: frozenset[str] = frozenset()
    """What the cluster offers, for example HASHED_BUCKET."""

    @property
    def deleting(self) -> bool:
        """Whether somebody deleted the Rollout."""
        return self.deleting_since is not None
