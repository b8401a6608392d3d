"""Puts the parts of a leading operator together: store, queue, evidence, controllers, watches. Knows no kopf."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pawl_operator.assigners import Assigners
from pawl_operator.evidence_source import EvidenceSource
from pawl_operator.health import Health
from pawl_operator.kinds.component import ComponentController
from pawl_operator.kinds.experiment.controller import ExperimentController
from pawl_operator.kinds.experiment.observe import Observer as ExperimentObserver
from pawl_operator.kinds.learning_loop.controller import LearningLoopController
from pawl_operator.kinds.learning_loop.observe import LoopObserver
from pawl_operator.kinds.rollout.controller import RolloutController
from pawl_operator.kinds.rollout.measure import RolloutMeter
from pawl_operator.kinds.rollout.observe import Observer
from pawl_operator.kinds.rollout.snapshot import ASSIGNER, HASHED_BUCKET
from pawl_operator.kinds.training_run.controller import TrainingRunController
from pawl_operator.kinds.training_run.engines import build_engines
from pawl_operator.kinds.training_run.engines.port import TrainerEnvironment
from pawl_operator.kinds.training_run.observe import Observer as TrainingObserver
from pawl_operator.kinds.training_run.snapshot import Offer
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import (
    COMPONENTS,
    EXPERIMENTS,
    LEARNING_LOOPS,
    ROLLOUTS,
    SECURITY_POLICIES,
    TRAFFIC_POLICIES,
    TRAINING_RUNS,
    Ref,
    Resource,
)
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.need_source import NeedSource
from pawl_operator.queue import WorkQueue
from pawl_operator.reconcile import Controller, Reconciler
from pawl_operator.settings import Settings
from pawl_operator.store import ObjectStore
from pawl_operator.targets import SOURCES, Targets
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
    needs: NeedSource

    async def work(self) -> None:
        """Prime the store, then reconcile until cancelled."""
        await self.watches.prime()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run(), name="queue")
            group.create_task(self.evidence.run(), name="evidence")
            group.create_task(self.needs.run(), name="needs")
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
    targets = Targets(store, gateway=settings.gateway_metrics)
    controllers: dict[Resource, Controller] = {}
    reconciler = Reconciler(kube, store, controllers, metrics)
    queue: WorkQueue[Ref] = WorkQueue(reconciler, workers=settings.workers, on_error=reconciler.cut)
    evidence = EvidenceSource(settings, metrics, targets.current, lambda uid: _enqueue(queue, targets, uid))

    def offered() -> frozenset[str]:
        found = {HASHED_BUCKET} if watches.served(TRAFFIC_POLICIES) else set()
        assigned = settings.assigner is not None and watches.served(SECURITY_POLICIES)
        return frozenset(found | ({ASSIGNER} if assigned else set()))

    source = "Gateway" if settings.gateway_metrics else "Serving"
    observer = Observer(store, evidence, kube, offered, source, Assigners(kube, settings.assigner))
    controllers[ROLLOUTS] = RolloutController(
        kube, store, observer, RolloutMeter(metrics), settings.mlflow_tracking_uri
    )
    controllers[EXPERIMENTS] = ExperimentController(kube, store, ExperimentObserver(store, evidence, offered))
    controllers[COMPONENTS] = ComponentController(kube, store)
    controllers[TRAINING_RUNS] = _training_runs(settings, kube, store, metrics)
    needs = NeedSource(settings, metrics, lambda: _loops(store), queue.add)
    controllers[LEARNING_LOOPS] = LearningLoopController(kube, store, LoopObserver(store, needs), queue.add)

    def changed(resource: Resource) -> None:
        if resource in SOURCES:
            targets.stale = True
            evidence.wake()

    store.on_change = changed
    watches = Watches(kube, store, queue, metrics, health, settings.namespaces)
    health.oldest_work = queue.oldest_age
    return Runtime(settings, metrics, store, queue, watches, evidence, needs)


def _training_runs(
    settings: Settings, kube: KubePort, store: ObjectStore, metrics: OperatorMetrics
) -> TrainingRunController:
    images = {"linear-tagger": settings.trainer_image, "token-classification": settings.trainer_torch_image}
    offer = Offer(
        images=images,
        collector_url=settings.collector_url,
        registry_url=settings.mlflow_tracking_uri,
        start_deadline=timedelta(seconds=settings.training_start_deadline),
        poll=timedelta(seconds=settings.training_poll),
    )
    engines = build_engines(kube, TrainerEnvironment(settings.collector_url, settings.mlflow_tracking_uri))
    return TrainingRunController(kube, store, TrainingObserver(store, engines, offer), metrics)


def _enqueue(queue: WorkQueue[Ref], targets: Targets, uid: str) -> None:
    ref = targets.refs.get(uid)
    if ref is not None:
        queue.add(ref)


def _loops(store: ObjectStore) -> dict[str, Ref]:
    metadata = [body["metadata"] for body in store.list(LEARNING_LOOPS)]
    return {meta["uid"]: Ref(LEARNING_LOOPS, meta["namespace"], meta["name"]) for meta in metadata}
