"""Carrying a plan out while the API server refuses parts of it: route, status and finalizer never wait for repairs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from rollout_world import RolloutWorld, adopted
from structlog.testing import capture_logs
from virtual_loop import run_virtual

from pawl.api.rollout_status import RolloutStatus
from pawl.errors import Conflict, InvalidSpec, PermissionDenied
from pawl_operator.assigners import Assigners
from pawl_operator.kinds.rollout import actions as act
from pawl_operator.kinds.rollout.controller import RolloutController
from pawl_operator.kinds.rollout.measure import RolloutMeter
from pawl_operator.kube.resources import ROLLOUTS, Ref
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.store import ObjectStore

REF = Ref(ROLLOUTS, "demo", "facts")
QUOTA = PermissionDenied("PATCH deployments: exceeded quota")


class Cluster:
    """A world behind the controller's own order of writes; `refused` are the kinds of action that fail, and how."""

    def __init__(self, world: RolloutWorld, *refused: type, error: Exception = QUOTA) -> None:
        self.world, self.refused, self.error = world, refused, error
        self.log: list[str] = []
        self.events: list[tuple[str, str]] = []
        self.store, self.metrics = ObjectStore(), OperatorMetrics()
        self.version = 1
        self.assigners = Assigners(self, None)  # type: ignore[arg-type]
        self.store.put(ROLLOUTS, self.body(world.status.to_wire()))
        self.controller = RolloutController(self, self.store, self, RolloutMeter(self.metrics))  # type: ignore[arg-type]
        self.controller.carrier._do = self.do  # type: ignore[method-assign]

    def body(self, status: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        meta = {"name": "facts", "namespace": "demo", "uid": "uid-1", "resourceVersion": str(self.version)}
        if self.world.deleting_since is not None:
            meta |= {"deletionTimestamp": "2026-11-23T08:00:00Z"}
        meta["finalizers"] = sorted(self.world.finalizers)  # type: ignore[assignment]
        return {"apiVersion": "pawl.dev/v1alpha1", "kind": "Rollout", "metadata": meta, "status": status}

    async def observe(self, live: dict[str, Any]) -> Any:
        self.world.status = RolloutStatus.model_validate(live.get("status") or {})
        return self.world.snapshot()

    async def do(self, _subject: object, action: act.Action) -> bool:
        self.log.append(type(action).__name__)
        if isinstance(action, self.refused):
            raise self.error
        before = self.world.fingerprint()
        self.world.carry_out(action)
        if isinstance(action, act.RemoveFinalizer | act.AddFinalizer):
            self.store.put(ROLLOUTS, self.body(self.store.get(REF)["status"]))  # type: ignore[index]
        return self.world.fingerprint() != before

    async def replace_status(self, ref: Ref, body: dict[str, Any]) -> dict[str, Any]:
        self.log.append("status")
        return self.body(body["status"])

    async def create(self, _resource: object, _namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.events.append((body["reason"], body["message"]))
        return body

    def told(self) -> tuple[str, str] | None:
        conditions = (self.store.get(REF) or {}).get("status", {}).get("conditions", [])
        return next(((c["reason"], c["message"]) for c in conditions if c["type"] == "Reconciled"), None)

    async def passes(self, most: int = 12) -> list[float | None]:
        found: list[float | None] = []
        for _ in range(most):
            if self.store.get(REF) is not None:
                found.append(await self.controller.reconcile(REF))
                self.world.now += timedelta(seconds=1)
        return found


Use = Callable[[RolloutWorld], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Lets the controller read a world's clock."""

    def use(world: RolloutWorld) -> None:
        class Clock:
            @staticmethod
            def now(_zone: object) -> Any:
                return world.now

        monkeypatch.setattr("pawl_operator.kinds.rollout.controller.datetime", Clock)

    return use


def under_way(use: Use, **changes: Any) -> RolloutWorld:
    world = adopted(**changes)
    world.candidate("new")
    world.run(lambda w: w.status.release.step == 2 and w.status.release.step_started_at is not None, timedelta(days=5))
    use(world)
    return world


async def test_a_rollback_is_finished_though_the_repair_beside_it_is_refused(clock: Use) -> None:
    world = under_way(clock)
    world.pods[world.revision("old")].replicas = 1
    world.crash("new")
    cluster = Cluster(world, act.EnsureWorkload, act.ScaleWorkload)
    await cluster.passes()
    assert world.status.release.state == "RolledBack"
    assert world.status.rollback.t2 is not None
    assert cluster.log[:3] == ["PatchRoute", "status", "EnsureWorkload"]
    reason, message = cluster.told() or ("", "")
    assert reason == "RepairFailed"
    assert message.startswith(f"EnsureWorkload {world.revision('old')}: PATCH deployments: exceeded quota")
    assert [r for r, _ in cluster.events].count("RepairFailed") <= 2, "told once for each thing that failed"


async def test_a_gateway_api_that_refuses_100_to_0_holds_up_nothing(clock: Use) -> None:
    """All traffic is where it shall be; only the way of writing it is refused."""
    bare = {"metrics": [], "interval": "1s", "hardLimits": {"readiness": {"for": "10s"}}}
    world = adopted(steps=[{"setWeight": 100, "hold": "20s"}], bake={"duration": "20s"}, analysis=bare)
    world.candidate("new")
    world.run(lambda w: w.places == (999_999, 1), timedelta(minutes=5))
    clock(world)

    class Strict(Cluster):
        async def do(self, subject: object, action: act.Action) -> bool:
            if isinstance(action, act.PatchRoute) and action.plain:
                raise InvalidSpec("a backend needs a weight")
            return await super().do(subject, action)

    await Strict(world).passes(60)
    assert world.status.release.state == "Promoted"
    assert world.places == (1, 999_999)


async def test_a_failed_repair_is_tried_again_counted_and_forgotten_when_it_succeeds(clock: Use) -> None:
    world = adopted()
    clock(world)
    world.pods[world.revision("old")].replicas = 1
    cluster = Cluster(world, act.EnsureWorkload)
    found = await cluster.passes(4)
    assert found[-1] == 10.0
    assert cluster.log.count("status") == 1, "what has been told already is not written again"
    assert b'reconcile_errors_total{error="Forbidden",kind="Rollout"} 4.0' in cluster.metrics.render()
    cluster.refused = ()
    await cluster.passes(3)
    assert cluster.told() is None
    assert world.pods[world.revision("old")].replicas == 2


@pytest.mark.parametrize("error", [InvalidSpec("refused"), RuntimeError("password=hunter2")], ids=["refused", "bug"])
async def test_whatever_a_repair_raises_the_status_is_written_and_no_secret(clock: Use, error: Exception) -> None:
    world = under_way(clock)
    world.crash("new")
    del world.pods[world.revision("old")]
    cluster = Cluster(world, act.EnsureWorkload, error=error)
    with capture_logs():
        await cluster.passes()
    assert world.status.release.state == "RolledBack"
    assert "hunter2" not in (cluster.told() or ("", ""))[1]


async def test_a_refused_route_still_ends_the_pass_and_nothing_is_written(clock: Use) -> None:
    world = under_way(clock)
    world.crash("new")
    cluster = Cluster(world, act.PatchRoute)
    with pytest.raises(PermissionDenied):
        await cluster.passes(1)
    assert cluster.log == ["PatchRoute"]
    cluster.refused = ()
    await cluster.passes()
    assert world.status.release.state == "RolledBack"


@pytest.mark.parametrize("refused", [act.PatchRoute, act.EnsureWorkload, act.ReleaseClaim, act.DeleteWorkload])
async def test_past_its_patience_a_deletion_goes_whatever_is_refused(clock: Use, refused: type) -> None:
    world = under_way(clock)
    world.delete()
    world.pods[world.revision("old")].replicas = 1
    world.now += timedelta(minutes=6)
    cluster = Cluster(world, refused)
    if refused is act.PatchRoute:
        with pytest.raises(PermissionDenied):
            await cluster.passes(1)
        assert "DeletionTimedOut" in [reason for reason, _ in cluster.events]
    else:
        await cluster.passes(2)
    assert world.gone
    assert cluster.store.get(REF) is None


async def test_a_deletion_in_time_does_not_wait_for_a_repair_either(clock: Use) -> None:
    world = under_way(clock)
    world.delete()
    world.pods[world.revision("old")].replicas = 1
    await Cluster(world, act.EnsureWorkload, act.ScaleWorkload).passes()
    assert world.gone
    assert world.candidate_weight == 0


async def test_a_status_that_lost_a_race_is_decided_again(clock: Use) -> None:
    world = under_way(clock)
    world.crash("new")
    cluster = Cluster(world)

    async def lost(*_: object) -> None:
        raise Conflict("changed")

    cluster.replace_status, kept = lost, cluster.replace_status  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        await cluster.passes(1)
    cluster.replace_status = kept  # type: ignore[method-assign]
    await cluster.passes()
    assert world.status.release.state == "RolledBack"


def test_repairs_that_hang_are_cut_and_what_comes_after_them_is_reached(clock: Use) -> None:
    world = under_way(clock)
    world.delete()
    world.pods[world.revision("old")].replicas = 1
    world.now += timedelta(minutes=6)

    async def main() -> float:
        cluster = Cluster(world)
        do: Callable[..., Awaitable[bool]] = cluster.do

        async def hang(subject: object, action: act.Action) -> bool:
            if isinstance(action, act.EnsureWorkload):
                await asyncio.sleep(1000)
            return await do(subject, action)

        cluster.controller.carrier._do = hang  # type: ignore[method-assign]
        begun = asyncio.get_running_loop().time()
        await cluster.passes(1)
        return asyncio.get_running_loop().time() - begun

    assert run_virtual(main()) == pytest.approx(20.0)
    assert world.gone
