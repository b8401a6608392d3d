"""What a Rollout's operator finds around it, in memory: workloads, the route and its gateway, the policy, the claim.

Actions are carried out on it as the API server would; everything is deterministic.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pawl.api.rollout_status import RolloutStatus
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.snapshot import (
    ASSIGNER,
    HASHED_BUCKET,
    AssignerState,
    ClaimState,
    RouteBackend,
    RouteMirror,
    RouteState,
    TrialRequest,
    VariantState,
    WorkloadState,
)

WARMS_WITHIN = timedelta(seconds=5)
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@dataclass
class Pods:
    """One workload; `full` is what it remembers of its size, `service` whether its Service is there."""

    wanted: act.EnsureWorkload
    replicas: int
    ready_at: datetime
    restarts: int = 0
    last_terminated: datetime | None = None
    not_ready_since: datetime | None = None
    lacking: int = 0
    full: int | None = None
    service: bool = True

    def state(self, now: datetime) -> WorkloadState:
        """What an observer sees of it."""
        up = max(0, self.replicas - self.lacking) if now >= self.ready_at and self.not_ready_since is None else 0
        return WorkloadState(
            revision=self.wanted.revision,
            desired=self.replicas,
            ready=up,
            available=up,
            restarts=self.restarts,
            last_terminated=self.last_terminated,
            not_ready_since=None if up else (self.not_ready_since or now),
            source=self.wanted.source,
            digest=self.wanted.digest,
            release=self.wanted.release,
            full=self.full,
            owned=self.wanted.owned,
        )


@dataclass(kw_only=True)
class RolloutCluster:
    """The objects; change its fields to make things happen."""

    now: datetime = START
    ready_after: timedelta = timedelta(seconds=20)
    programs_after: timedelta = timedelta(seconds=1)
    gateway_up: bool = True
    capabilities: frozenset[str] = frozenset({HASHED_BUCKET})
    claim: ClaimState = field(default_factory=ClaimState)
    never_ready: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.status = RolloutStatus()
        self.finalizers: set[str] = set()
        self.deleting_since: datetime | None = None
        self.gone = False
        self.pods: dict[str, Pods] = {}
        self.backends: tuple[RouteBackend, ...] = (RouteBackend("placeholder", 1, ours=False),)
        self.mirrors: tuple[RouteMirror, ...] = ()
        self.route_generation = 1
        self.route_exists = True
        self.route_changed = self.now - timedelta(hours=1)
        self.policy: str | None = None
        """The header that the policy hashes; None: there is no policy."""
        self.policy_answer: str | None = None
        """What the gateway says of the policy: see `RolloutSnapshot.sticky_refusal`."""
        self.variants: tuple[VariantState, ...] = ()
        self.trials: tuple[TrialRequest, ...] = ()
        self.assigner_policy: str | None = None
        """The header by which the rule asks the assigner; None: there is no such policy."""
        self.assigner_refusal: str | None = ""
        self.assigners: list[int] = [0, 0]
        """The generation that each replica has."""
        self.assigners_follow = True
        self.header_removed: bool | None = True
        self.weights: list[tuple[datetime, int]] = []
        self.places: tuple[int, ...] = ()
        """The weights of our places as they stand on the route."""
        self.warm_since: list[datetime | None] = []
        """Of each place: since when the gateway has what it needs to send anything there."""
        self.cold_starts: list[tuple[datetime, int]] = []
        """The operator's own changes that sent people to a place which was not warm, and which place."""

    def set_route(self, backends: tuple[RouteBackend, ...], places: tuple[int, ...] | None = None) -> list[int]:
        """Write the route; without `places` the weights stand there as they are. Returns the places that begin to get
        traffic and are not warm.
        """
        served = _served(self.places)
        self.backends = backends
        self.places = tuple(entry.weight for entry in backends if entry.ours) if places is None else places
        self.route_generation += 1
        self.route_changed = self.now
        if not self.weights or self.weights[-1][1] != self.candidate_weight:
            self.weights.append((self.now, self.candidate_weight))
        before = [*self.warm_since, None, None]
        self.warm_since = [(before[i] or self.now) if weight else None for i, weight in enumerate(self.places)]
        warm = [since is not None and since <= self.now - WARMS_WITHIN for since in self.warm_since]
        return [place for place in sorted(_served(self.places) - served) if not warm[place]]

    @property
    def candidate_weight(self) -> int:
        """Share of the arm marked as candidate, as the route says."""
        ours = [entry for entry in self.backends if entry.ours]
        total = sum(entry.weight for entry in ours)
        mine = sum(entry.weight for entry in ours if entry.arm == "candidate")
        return round(100 * mine / total) if total else 0

    @property
    def route(self) -> RouteState | None:
        """The rule as the API server has it."""
        if not self.route_exists:
            return None
        return RouteState(
            generation=self.route_generation,
            resource_version=str(self.route_generation),
            backends=self.backends,
            mirrors=self.mirrors,
            variants=self.variants,
            places=self.places,
            accepted=True,
            resolved=all(self.pods[b.revision].service for b in self.backends if b.revision in self.pods),
            observed=self.gateway_up and self.now >= self.route_changed + self.programs_after,
            parents=1,
        )

    @property
    def assigner(self) -> AssignerState:
        """The assigner as an observer sees it; its replicas read the status as soon as it is written."""
        given = self.status.traffic.assignment
        if self.assigners_follow:
            self.assigners = [given.generation if given is not None else 0 for _ in self.assigners]
        header = self.status.trial.header if self.status.trial is not None else None
        return AssignerState(
            offered=ASSIGNER in self.capabilities,
            header_removed=self.header_removed,
            policy=self.assigner_policy is not None,
            policy_wanted=self.assigner_policy is not None and self.assigner_policy == header,
            refusal=self.assigner_refusal if self.assigner_policy is not None else None,
            generations=tuple(self.assigners),
        )

    def met_by(self, variant: str) -> str | None:
        """The revision behind a variant's rule; None where there is no such rule."""
        return next((state.variant.revision for state in self.variants if state.variant.name == variant), None)

    def carry_out(self, action: act.Action) -> None:  # noqa: C901 - one line for each action
        """Do what the operator asks for."""
        match action:
            case act.EnsureWorkload():
                self._ensure(action)
            case act.ScaleWorkload():
                self.pods[action.revision].replicas = action.replicas
                self.pods[action.revision].full = action.full
            case act.DeleteWorkload():
                self.pods.pop(action.revision, None)
            case act.PatchRoute():
                self._patch(action)
            case act.EnsureStickyPolicy() | act.RemoveStickyPolicy():
                self.policy = action.header if isinstance(action, act.EnsureStickyPolicy) else None
            case act.PatchVariants():
                self._patch_variants(action)
            case act.EnsureAssignerPolicy() | act.RemoveAssignerPolicy():
                self.assigner_policy = action.header if isinstance(action, act.EnsureAssignerPolicy) else None
            case act.TakeClaim():
                if self.claim.holder is None:
                    self.claim = ClaimState(held=True, holder="Rollout/facts")
            case act.ReleaseClaim():
                self.claim = ClaimState()
            case act.AddFinalizer():
                self.finalizers.add(act.FINALIZER)
            case act.RemoveFinalizer():
                self.finalizers.discard(act.FINALIZER)
                self.gone = self.deleting_since is not None

    def fingerprint(self) -> object:
        """Everything that a pass may change."""
        pods = tuple((n, p.replicas, p.full, p.service, p.wanted.owned) for n, p in sorted(self.pods.items()))
        route = (self.backends, self.places, self.mirrors, self.variants)
        policies = (self.policy, self.assigner_policy)
        return (self.status, route, policies, self.claim, frozenset(self.finalizers), pods)

    def _ensure(self, action: act.EnsureWorkload) -> None:
        had = self.pods.get(action.revision)
        if had is None:
            never = action.revision in self.never_ready
            ready_at = datetime.max.replace(tzinfo=UTC) if never else self.now + self.ready_after
            had = self.pods[action.revision] = Pods(action, action.replicas or 1, ready_at)
        release = min(had.wanted.release, action.release)
        had.wanted, had.replicas = replace(action, release=release), action.replicas or had.replicas
        had.full, had.service = None if action.replicas is None else action.serve.wanted_replicas, True

    def _patch_variants(self, patch: act.PatchVariants) -> None:
        wanted = tuple(VariantState(variant) for variant in patch.variants)
        if wanted != self.variants:
            self.variants = wanted
            self.route_generation += 1
            self.route_changed = self.now

    def _patch(self, patch: act.PatchRoute) -> None:
        arms = [("stable", patch.stable, 100 - patch.weight if patch.candidate else 100)]
        if patch.candidate is not None:
            arms.insert(0, ("candidate", patch.candidate, patch.weight))
        wanted = tuple(
            RouteBackend(backend.service, weight, True, arm, backend.revision, patch.release, patch.step)
            for arm, backend, weight in arms
        )
        services = [backend.service for _, backend, _ in arms] if patch.mirror_percent else []
        mirrors = tuple(RouteMirror(service, patch.mirror_percent) for service in services)
        warm = {0: (1, 999_999), 100: (999_999, 1)}
        places = (patch.weight, 100 - patch.weight)
        places = places if patch.plain else warm.get(patch.weight, places)
        if (wanted, mirrors, places) != (self.backends, self.mirrors, self.places):
            self.mirrors = mirrors
            self.cold_starts += [(self.now, place) for place in self.set_route(wanted, places)]


def _served(places: tuple[int, ...]) -> set[int]:
    return {place for place, weight in enumerate(places) if weight * 10_000 > sum(places)}
