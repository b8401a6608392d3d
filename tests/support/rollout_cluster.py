"""What a Rollout's operator finds around it, in memory: workloads, the route and its gateway, the policy, the claim.

Actions are carried out on it as the API server would; everything is deterministic.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pawl.api.rollout_status import RolloutStatus
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.snapshot import (
    HASHED_BUCKET,
    ClaimState,
    RouteBackend,
    RouteMirror,
    RouteState,
    WorkloadState,
)

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
        self.weights: list[tuple[datetime, int]] = []

    def set_route(self, backends: tuple[RouteBackend, ...]) -> None:
        """Write the route."""
        self.backends = backends
        self.route_generation += 1
        self.route_changed = self.now
        self.weights.append((self.now, self.candidate_weight))

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
            accepted=True,
            resolved=all(self.pods[b.revision].service for b in self.backends if b.revision in self.pods),
            observed=self.gateway_up and self.now >= self.route_changed + self.programs_after,
            parents=1,
        )

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
        return (self.status, self.backends, self.mirrors, self.policy, self.claim, frozenset(self.finalizers), pods)

    def _ensure(self, action: act.EnsureWorkload) -> None:
        had = self.pods.get(action.revision)
        if had is None:
            never = action.revision in self.never_ready
            ready_at = datetime.max.replace(tzinfo=UTC) if never else self.now + self.ready_after
            had = self.pods[action.revision] = Pods(action, action.replicas or 1, ready_at)
        release = min(had.wanted.release, action.release)
        had.wanted, had.replicas = replace(action, release=release), action.replicas or had.replicas
        had.full, had.service = None if action.replicas is None else action.serve.wanted_replicas, True

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
        if (wanted, mirrors) != (self.backends, self.mirrors):
            self.mirrors = mirrors
            self.set_route(wanted)
