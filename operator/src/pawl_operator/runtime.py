"""Puts the parts of a leading operator together: store, queue, evidence, controllers, watches. Knows no kopf."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from pawl.api.rollout import Rollout
from pawl_operator.evidence_source import EvidenceSource, EvidenceTarget
from pawl_operator.health import Health
from pawl_operator.kinds.component import ComponentController
from pawl_operator.kinds.not_yet import NotYetController
from pawl_operator.kinds.rollout.controller import RolloutController
from pawl_operator.kinds.rollout.measure import RolloutMeter
from pawl_operator.kinds.rollout.observe import Observer
from pawl_operator.kinds.rollout.snapshot import HASHED_BUCKET
from pawl_operator.kinds.rollout.target import evidence_target
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import (
    COMPONENTS,
    EXPERIMENTS,
    HTTP_ROUTES,
    LEARNING_LOOPS,
    ROLLOUTS,
    TRAFFIC_POLICIES,
    TRAINING_RUNS,
    Ref,
    Resource,
)
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.queue import WorkQueue
from pawl_operator.reconcile import Controller, Reconciler
from pawl_operator.settings import Settings
from pawl_operator.store import ObjectStore
from pawl_operator.watches import Watches

METRICS_TICK = 1.0


@dataclass(slots=True)
class Runtime:
    """Everything that runs while this process holds the Lease."""

    settings: Settings
    metrics: OperatorMetrics
    store: ObjectStore
    queue: WorkQueue[Ref]
    watches: Watches
    evidence: EvidenceSource

    async def work(self) -> None:
        """Prime the store, then reconcile until cancelled."""
        await self.watches.prime()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run(), name="queue")
            group.create_task(self.evidence.run(), name="evidence")
            group.create_task(self.watches.resync(self.settings.resync), name="resync")
            group.create_task(self._export(), name="queue metrics")

    async def _export(self) -> None:
        while True:
            self.metrics.queue_depth.set(self.queue.depth())
            self.metrics.queue_oldest.set(self.queue.oldest_age())
            await asyncio.sleep(METRICS_TICK)


def build_runtime(settings: Settings, kube: KubePort, metrics: OperatorMetrics, health: Health) -> Runtime:
    """Return the parts, connected; nothing runs yet. Call it inside the loop."""
    store = ObjectStore()
    targets = _Targets(store, settings)
    controllers: dict[Resource, Controller] = {}
    reconciler = Reconciler(kube, store, controllers, metrics)
    queue: WorkQueue[Ref] = WorkQueue(reconciler, workers=settings.workers, on_error=reconciler.cut)
    evidence = EvidenceSource(settings, metrics, targets.current, lambda uid: _enqueue(queue, targets, uid))

    def offered() -> frozenset[str]:
        return frozenset({HASHED_BUCKET}) if watches.served(TRAFFIC_POLICIES) else frozenset()

    source = "Gateway" if settings.gateway_metrics else "Serving"
    observer = Observer(store, evidence, kube, offered, source)
    controllers[ROLLOUTS] = RolloutController(kube, store, observer, RolloutMeter(metrics))
    controllers[COMPONENTS] = ComponentController(kube, store)
    controllers |= {kind: NotYetController(kube, store) for kind in (TRAINING_RUNS, EXPERIMENTS, LEARNING_LOOPS)}

    def changed(resource: Resource) -> None:
        if resource in (ROLLOUTS, HTTP_ROUTES):
            targets.stale = True
            evidence.wake()

    store.on_change = changed
    watches = Watches(kube, store, queue, metrics, health, settings.namespaces)
    health.oldest_work = queue.oldest_age
    return Runtime(settings, metrics, store, queue, watches, evidence)


class _Targets:
    """The Rollouts with a live release; one is read again only when it or its route changed."""

    def __init__(self, store: ObjectStore, settings: Settings) -> None:
        self._store = store
        self._gateway = settings.gateway_metrics
        self._targets: Sequence[EvidenceTarget] = ()
        self._read: dict[str, tuple[tuple[str, str], EvidenceTarget | None]] = {}
        self.refs: dict[str, Ref] = {}
        self.stale = True

    def current(self) -> Sequence[EvidenceTarget]:
        if self.stale:
            bodies = [body for body in self._store.list(ROLLOUTS) if (body.get("status") or {}).get("release")]
            self._read = {body["metadata"]["uid"]: self._target(body) for body in bodies}
            self._targets = [target for _, target in self._read.values() if target is not None]
            self.refs = {body["metadata"]["uid"]: _ref(body) for body in bodies}
            self.stale = False
        return self._targets

    def _target(self, body: Object) -> tuple[tuple[str, str], EvidenceTarget | None]:
        metadata, name = body["metadata"], (body["spec"].get("routeRef") or {}).get("name")
        route = self._store.get(Ref(HTTP_ROUTES, metadata["namespace"], name)) if name else None
        versions = metadata["resourceVersion"], route["metadata"]["resourceVersion"] if route is not None else ""
        known = self._read.get(metadata["uid"])
        if known is not None and known[0] == versions:
            return known
        try:
            rollout = Rollout.from_cluster(body)
        except ValidationError:
            return versions, None
        uid, namespace = metadata["uid"], metadata["namespace"]
        return versions, evidence_target(rollout, uid, namespace, route, gateway=self._gateway)


def _enqueue(queue: WorkQueue[Ref], targets: _Targets, uid: str) -> None:
    ref = targets.refs.get(uid)
    if ref is not None:
        queue.add(ref)


def _ref(body: Object) -> Ref:
    return Ref(ROLLOUTS, body["metadata"]["namespace"], body["metadata"]["name"])
