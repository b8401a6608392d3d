"""A world in memory for one Rollout: pods become ready, gateways take routes over, people answer, clocks run.

`decide` is driven against it exactly as the operator does it, and five days pass in milliseconds. Everything is
deterministic. A pass may be cut off after any action (`stop_after`), which is what a killed operator leaves behind.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from rollout_cluster import START, Pods, RolloutCluster
from rollout_traffic import MeasuredCluster

from pawl.api.rollout import Rollout
from pawl.api.rollout_status import RolloutStatus
from pawl.api.serving import ModelVersion
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.decide import decide
from pawl_operator.kinds.rollout.draft import LIVE
from pawl_operator.kinds.rollout.pinning import header_of
from pawl_operator.kinds.rollout.snapshot import RolloutSnapshot
from pawl_operator.kinds.rollout.versions import resolve

__all__ = ["START", "Pods", "RolloutCluster", "RolloutWorld", "adopted", "spec", "version"]
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
class RolloutWorld(MeasuredCluster):
    """Everything around one Rollout. Change its fields to make things happen; then `run`, `advance` or `reconcile`."""

    wire: Wire = field(default_factory=spec)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.generation = 1
        self.events: list[act.EventNote] = []
        self.plans: list[act.Plan] = []
        self.wake_at = None
        self._read: Rollout | None = None

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
        return resolve(self.rollout.spec, ModelVersion.model_validate(version(name))).revision

    @property
    def rollout(self) -> Rollout:
        """The object as the API server has it."""
        if self._read is None or self._read.metadata.generation != self.generation:
            metadata = {"name": "facts", "namespace": "demo", "uid": "uid-1", "generation": self.generation}
            self._read = Rollout.model_validate({"metadata": metadata, "spec": self.wire})
        return self._read.model_copy(update={"status": self.status})

    def snapshot(self) -> RolloutSnapshot:
        """What the operator would observe now."""
        rollout, release = self.rollout, self.status.release
        live = release is not None and release.state in LIVE
        return RolloutSnapshot(
            rollout=rollout,
            uid="uid-1",
            generation=self.generation,
            deleting_since=self.deleting_since,
            finalizers=tuple(sorted(self.finalizers)),
            workloads={revision: pods.state(self.now) for revision, pods in self.pods.items()},
            route=self.route,
            sticky_policy=self.policy == header_of(rollout),
            sticky_refusal=self.policy_answer if self.policy is not None else None,
            claim=self.claim,
            trials=self.trials,
            assigner=self.assigner,
            component_metrics={},
            evidence=self.evidence() if live else None,
            gateway=self.gateway() if live else None,
            metrics_fresh_at=self.fresh_at,
            capabilities=self.capabilities,
        )

    # The operator

    def reconcile(self, stop_after: int | None = None) -> act.Plan:
        """One pass; with ``stop_after`` the operator dies after that many writes, of which the status is one."""
        plan = decide(self.snapshot(), self.now)
        self.plans.append(plan)
        first, repairs, leaving = act.stages(plan.actions)
        for write in [*first, plan, *repairs, *leaving][:stop_after]:
            if isinstance(write, act.Plan):
                self._write(write)
            else:
                self.carry_out(write)
        return plan

    def settle(self, most: int = 40) -> None:
        """Reconcile until nothing changes at this very moment."""
        for _ in range(most):
            before = self.fingerprint()
            self.reconcile()
            if self.gone or self.fingerprint() == before:
                return
        raise AssertionError(f"no rest after {most} passes: {self.status.message}")

    def run(self, until: Callable[["RolloutWorld"], bool], within: timedelta = timedelta(days=30)) -> None:
        """Reconcile at every wake-up until something holds."""
        deadline = self.now + within
        self.scrape()
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

    def _write(self, plan: act.Plan) -> None:
        # Through the wire and back: whatever decide writes must be a valid status.
        if plan.status != self.status:
            self.status = RolloutStatus.model_validate(plan.status.to_wire())
        self.events.extend(plan.events)
        self.wake_at = plan.wake_at


def adopted(**changes: Any) -> RolloutWorld:
    """A world in which revision `old` is stable and nothing is on its way."""
    world = RolloutWorld(wire=spec(**changes))
    world.run(lambda w: w.status.phase == "Healthy", timedelta(hours=1))
    return world
