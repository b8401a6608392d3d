"""A world in memory for one Rollout: pods become ready, gateways take routes over, people answer, clocks run.

`decide` is driven against it exactly as the operator does it, and five days pass in milliseconds. Everything is
deterministic. A pass may be cut off after any action (`stop_after`), which is what a killed operator leaves behind.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pawl.api.rollout import Rollout
from pawl.api.rollout_status import RolloutStatus
from pawl.evidence import MetricEvidence, ReleaseEvidence
from pawl.gateway import CounterSeries, GatewayCounters
from pawl.stats.ratio import PairedDifference, RatioSums
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.decide import decide
from pawl_operator.kinds.rollout.draft import LIVE
from pawl_operator.kinds.rollout.snapshot import (
    HASHED_BUCKET,
    ClaimState,
    RolloutSnapshot,
    RouteBackend,
    RouteMirror,
    RouteState,
    WorkloadState,
)

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DIGEST = {name: "sha256:" + letter * 64 for name, letter in {"old": "a", "new": "b", "newer": "c"}.items()}
Wire = dict[str, Any]


def version(name: str) -> Wire:
    """A model version of the test registry: old, new or newer."""
    return {"source": f"models:/facts/{name}", "digest": DIGEST[name]}


def spec(**changes: Any) -> Wire:
    """A Rollout's spec with one primary metric, steps of a day, and a bake of a day."""
    return {
        "component": "facts",
        "routeRef": {"name": "facts", "ruleName": "infer"},
        "initialStable": version("old"),
        "serve": {"image": "server:1", "replicas": 2},
        "analysis": {
            "metrics": [{"name": "accuracy", "role": "Primary", "minUsers": 30}],
            "interval": "1h",
            "hardLimits": {"readiness": {"for": "10s"}},
        },
    } | changes


@dataclass
class Pods:
    """One workload."""

    wanted: act.EnsureWorkload
    replicas: int
    ready_at: datetime
    restarts: int = 0
    last_terminated: datetime | None = None
    not_ready_since: datetime | None = None
    lacking: int = 0

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
            owned=self.wanted.owned,
        )


@dataclass
class Counters:
    """Users and answers of one (release, step), and what of them is in a closed batch."""

    candidate: float = 0.0
    stable: float = 0.0
    pairs: float = 0.0
    batch: int = 0
    closed: tuple[int, int, int] = (0, 0, 0)


@dataclass
class RolloutWorld:
    """Everything around one Rollout. Change its fields to make things happen; then `run`, `advance` or `reconcile`."""

    wire: Wire = field(default_factory=spec)
    now: datetime = START
    ready_after: timedelta = timedelta(seconds=20)
    programs_after: timedelta = timedelta(seconds=1)
    users_per_hour: float = 100.0
    batch_every: timedelta = timedelta(hours=1)
    accuracy: dict[str, float] = field(default_factory=dict)
    """By revision; 0.9 where nothing is said."""
    error_rate: dict[str, float] = field(default_factory=dict)
    prometheus_up: bool = True
    monitor_up: bool = True
    gateway_up: bool = True
    capabilities: frozenset[str] = frozenset({HASHED_BUCKET})
    claim: ClaimState = field(default_factory=ClaimState)
    never_ready: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.status = RolloutStatus()
        self.generation = 1
        self._read: Rollout | None = None
        self.finalizers: set[str] = set()
        self.deleting_since: datetime | None = None
        self.gone = False
        self.pods: dict[str, Pods] = {}
        self.backends: tuple[RouteBackend, ...] = (RouteBackend("placeholder", 1, ours=False),)
        self.mirrors: tuple[RouteMirror, ...] = ()
        self.route_generation = 1
        self.route_exists = True
        self.route_changed = self.now - timedelta(hours=1)
        self.policy = False
        self.events: list[act.EventNote] = []
        self.plans: list[act.Plan] = []
        self.weights: list[tuple[datetime, int]] = []
        self.counts: dict[tuple[int, int], Counters] = {}
        self.requests: dict[str, list[tuple[datetime, float]]] = {"candidate": [], "stable": []}
        self.errors: dict[str, list[tuple[datetime, float]]] = {"candidate": [], "stable": []}
        self.fresh_at: datetime | None = self.now
        self.looked_at: datetime | None = None
        self.next_batch = self.now + self.batch_every
        self.wake_at: datetime | None = None

    # People

    def edit(self, **changes: Any) -> None:
        """Change the spec as a person would."""
        self.wire = self.wire | changes
        self.generation += 1

    def candidate(self, name: str) -> str:
        """Ask for a candidate; returns its revision."""
        self.edit(candidate=version(name))
        return self.revision(name)

    def action(self, verb: str, release: int, **more: Any) -> None:
        """Ask for an action."""
        self.edit(action={"verb": verb, "release": release, **more})

    def shift(self, share: int) -> None:
        """Change the weights of the two arms by hand."""
        candidate, stable = self.backends[:2]
        self.set_route((replace(candidate, weight=share), replace(stable, weight=100 - share)))

    def set_route(self, backends: tuple[RouteBackend, ...]) -> None:
        """Write the route."""
        self.backends = backends
        self.route_generation += 1
        self.route_changed = self.now
        self.weights.append((self.now, self.candidate_weight))

    def delete(self) -> None:
        """Delete the Rollout."""
        self.deleting_since = self.now

    def crash(self, name: str, restarts: int = 3) -> None:
        """Let a revision's containers crash."""
        pods = self.pods[self.revision(name)]
        pods.restarts, pods.last_terminated = restarts, self.now

    # What is there

    def revision(self, name: str) -> str:
        """The revision of a version of the test registry under the present spec."""
        from pawl.api.serving import ModelVersion
        from pawl_operator.kinds.rollout.versions import resolve

        return resolve(self.rollout.spec, ModelVersion.model_validate(version(name))).revision

    @property
    def rollout(self) -> Rollout:
        """The object as the API server has it."""
        if self._read is None or self._read.metadata.generation != self.generation:
            metadata = {"name": "facts", "namespace": "demo", "uid": "uid-1", "generation": self.generation}
            self._read = Rollout.model_validate({"metadata": metadata, "spec": self.wire})
        return self._read.model_copy(update={"status": self.status})

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
        programmed = self.gateway_up and self.now >= self.route_changed + self.programs_after
        return RouteState(
            generation=self.route_generation,
            resource_version=str(self.route_generation),
            backends=self.backends,
            mirrors=self.mirrors,
            accepted=True,
            resolved=True,
            observed=programmed,
            parents=1,
        )

    def snapshot(self) -> RolloutSnapshot:
        """What the operator would observe now."""
        release = self.status.release
        live = release is not None and release.state in LIVE
        return RolloutSnapshot(
            rollout=self.rollout,
            uid="uid-1",
            generation=self.generation,
            deleting_since=self.deleting_since,
            finalizers=tuple(sorted(self.finalizers)),
            workloads={revision: pods.state(self.now) for revision, pods in self.pods.items()},
            route=self.route,
            sticky_policy=self.policy,
            claim=self.claim,
            component_metrics={},
            evidence=self.evidence() if live else None,
            gateway=self.gateway() if live else None,
            metrics_fresh_at=self.fresh_at,
            capabilities=self.capabilities,
        )

    def evidence(self) -> ReleaseEvidence | None:
        """What the monitor exports, as last scraped."""
        release = self.status.release
        if release is None or self.looked_at is None:
            return None
        metrics = tuple(
            self._metric(step, counts)
            for (number, step), counts in sorted(self.counts.items())
            if number == release.number and counts.batch
        )
        return ReleaseEvidence("uid-1", release.number, metrics, (), self.looked_at, START, 12, 34)

    def gateway(self) -> dict[str, GatewayCounters]:
        """The gateway's counters, as scraped."""
        return {
            arm: GatewayCounters((CounterSeries(tuple(self.requests[arm])),), (CounterSeries(tuple(self.errors[arm])),))
            for arm in ("candidate", "stable")
        }

    # The operator

    def reconcile(self, stop_after: int | None = None) -> act.Plan:
        """One pass; with ``stop_after`` the operator dies after that many actions, and before the status is written."""
        plan = decide(self.snapshot(), self.now)
        self.plans.append(plan)
        for action in plan.actions[:stop_after]:
            self._apply(action)
        if stop_after is None and not self.gone:
            # Through the wire and back: whatever decide writes must be a valid status.
            if plan.status != self.status:
                self.status = RolloutStatus.model_validate(plan.status.to_wire())
            self.events.extend(plan.events)
            self.wake_at = plan.wake_at
        return plan

    def settle(self, most: int = 40) -> None:
        """Reconcile until nothing changes at this very moment."""
        for _ in range(most):
            before = self._fingerprint()
            self.reconcile()
            if self.gone or self._fingerprint() == before:
                return
        raise AssertionError(f"no rest after {most} passes: {self.status.message}")

    def advance(self, span: timedelta) -> None:
        """Let time pass and people use the product; the operator does not run meanwhile."""
        end = self.now + span
        while self.now < end:
            nearest = min(end, max(self.next_batch, self.now + timedelta(milliseconds=1)))
            self._serve(nearest - self.now)
            self.now = nearest
            if self.now >= self.next_batch:
                self._close_batches()
                self.next_batch = self.now + self.batch_every
        self._scrape()

    def run(self, until: Callable[["RolloutWorld"], bool], within: timedelta = timedelta(days=30)) -> None:
        """Reconcile at every wake-up until something holds."""
        deadline = self.now + within
        self._scrape()
        while True:
            self.settle()
            if until(self):
                return
            if self.now >= deadline:
                raise AssertionError(f"not within {within}: {self.status.phase}: {self.status.message}")
            wake = self.wake_at or self.now + timedelta(minutes=10)
            self.advance(max(timedelta(milliseconds=500), min(wake, deadline) - self.now))

    def stay(self, span: timedelta) -> None:
        """Reconcile at every wake-up for a while."""
        end = self.now + span
        self.run(lambda world: world.now >= end, span + timedelta(hours=1))

    # Inside

    def _apply(self, action: act.Action) -> None:
        match action:
            case act.EnsureWorkload():
                self._ensure(action)
            case act.ScaleWorkload():
                self.pods[action.revision].replicas = action.replicas
            case act.DeleteWorkload():
                self.pods.pop(action.revision, None)
            case act.PatchRoute():
                self._patch(action)
            case act.EnsureStickyPolicy() | act.RemoveStickyPolicy():
                self.policy = isinstance(action, act.EnsureStickyPolicy)
            case act.TakeClaim():
                if self.claim.holder is None:
                    self.claim = ClaimState(held=True, holder="Rollout/facts")
            case act.ReleaseClaim():
                self.claim = ClaimState()
            case act.AddFinalizer() | act.RemoveFinalizer():
                self._finalizer(add=isinstance(action, act.AddFinalizer))

    def _finalizer(self, *, add: bool) -> None:
        if add:
            self.finalizers.add(act.FINALIZER)
        else:
            self.finalizers.discard(act.FINALIZER)
            self.gone = self.deleting_since is not None

    def _ensure(self, action: act.EnsureWorkload) -> None:
        had = self.pods.get(action.revision)
        if had is None:
            never = action.revision in self.never_ready
            ready_at = datetime.max.replace(tzinfo=UTC) if never else self.now + self.ready_after
            self.pods[action.revision] = Pods(action, action.replicas or 1, ready_at)
        else:
            release = min(had.wanted.release, action.release)
            had.wanted, had.replicas = replace(action, release=release), action.replicas or had.replicas

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

    def _serve(self, span: timedelta) -> None:
        release = self.status.release
        if release is None or release.state not in LIVE or release.step == 0:
            return
        users, share = self.users_per_hour * span.total_seconds() / 3600, self.candidate_weight / 100
        step = next((b.step for b in self.backends if b.arm == "candidate"), 0)
        if step:
            counts = self.counts.setdefault((release.number, step), Counters())
            counts.candidate += users * share
            counts.stable += users * (1 - share)
            counts.pairs += users if self.mirrors else 0.0

    def _close_batches(self) -> None:
        if not self.monitor_up:
            return
        for counts in self.counts.values():
            closed = (int(counts.candidate), int(counts.stable), int(counts.pairs))
            if closed != counts.closed:
                counts.closed, counts.batch = closed, counts.batch + 1

    def _scrape(self) -> None:
        if not self.prometheus_up:
            return
        self.fresh_at = self.now
        if self.monitor_up:
            self.looked_at = self.now
        for arm in ("candidate", "stable"):
            revision = next((b.revision for b in self.backends if b.arm == arm), "") or ""
            share = self.candidate_weight if arm == "candidate" else 100 - self.candidate_weight
            last = self.requests[arm][-1] if self.requests[arm] else (self.now - timedelta(seconds=1), 0.0)
            seconds = (self.now - last[0]).total_seconds()
            if seconds > 0:
                new = 10 * seconds * share / 100
                failed = self.errors[arm][-1][1] if self.errors[arm] else 0.0
                self.requests[arm] = [*self.requests[arm][-200:], (self.now, last[1] + new)]
                bad = new * self.error_rate.get(revision, 0.0)
                self.errors[arm] = [*self.errors[arm][-200:], (self.now, failed + bad)]

    def _metric(self, step: int, counts: Counters) -> MetricEvidence:
        release = self.status.release
        assert release is not None
        previous = release.previous
        good = self.accuracy.get(release.revision, 0.9)
        base = self.accuracy.get(previous.revision if previous else "", 0.9)
        candidate, stable, pairs = counts.closed
        arms = {"candidate": _arm(candidate, good), "stable": _arm(stable, base)}
        spread = abs(good - base) * (1 - abs(good - base)) + 0.02
        paired = PairedDifference(pairs, good - base, pairs * spread) if pairs > 1 else None
        return MetricEvidence("accuracy", step, counts.batch, self.now, self.looked_at, arms, paired, label_rate=50.0)

    def _fingerprint(self) -> object:
        pods = tuple((name, pods.replicas, pods.wanted.owned) for name, pods in sorted(self.pods.items()))
        return (self.status, self.backends, self.mirrors, self.policy, self.claim, frozenset(self.finalizers), pods)


def _arm(users: int, ratio: float) -> RatioSums:
    return RatioSums(users, ratio, users * ratio * (1 - ratio), 1.0, 0.0, 0.0)


def adopted(**changes: Any) -> RolloutWorld:
    """A world in which revision `old` is stable and nothing is on its way."""
    world = RolloutWorld(spec(**changes))
    world.run(lambda w: w.status.phase == "Healthy", timedelta(hours=1))
    return world
