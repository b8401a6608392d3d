"""What a watch event wakes: the object itself on news, and others even when we wrote it ourselves."""

from typing import Any

from pawl_operator.health import Health
from pawl_operator.kube.resources import DEPLOYMENTS, EXPERIMENTS, LEARNING_LOOPS, ROLLOUTS, Ref, Resource
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.store import ObjectStore
from pawl_operator.watches import Watches


class Queue:
    """Notes who was woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def add(self, key: Ref) -> bool:
        self.woken.append(f"{key.resource.kind}/{key.name}")
        return True


def body(name: str, version: int, **extra: Any) -> dict[str, Any]:
    meta = {
        "name": name,
        "namespace": "demo",
        "uid": f"uid-{name}-{extra.get('kind', '')}",
        "resourceVersion": str(version),
    }
    return {"metadata": meta, **extra}


def asking(name: str, version: int = 1) -> dict[str, Any]:
    return body(name, version, kind="Experiment", spec={"rolloutRef": {"name": "chat"}})


def watching(*there: tuple[Resource, dict[str, Any]]) -> tuple[Watches, ObjectStore, Queue]:
    store, queue = ObjectStore(), Queue()
    for resource, one in there:
        store.put(resource, one)
    return Watches(None, store, queue, OperatorMetrics(), Health(), ()), store, queue  # type: ignore[arg-type]


def test_news_of_an_experiment_wake_it_and_the_rollout_that_it_asks() -> None:
    watches, _, queue = watching()
    watches.event(EXPERIMENTS, "MODIFIED", asking("better"))
    assert sorted(queue.woken) == ["Experiment/better", "Rollout/chat"]


def test_what_we_wrote_ourselves_wakes_the_others_and_not_the_writer() -> None:
    watches, store, queue = watching()
    store.put(EXPERIMENTS, asking("better", 7))
    watches.event(EXPERIMENTS, "MODIFIED", asking("better", 7))
    assert queue.woken == ["Rollout/chat"]


def test_a_rollouts_own_status_wakes_who_asks_it_and_who_feeds_it() -> None:
    loop = body("facts", 1, kind="LearningLoop", spec={"component": "facts", "rolloutRef": {"name": "chat"}})
    rollout = body("chat", 9, spec={"component": "facts", "routeRef": {"name": "r", "ruleName": "infer"}})
    watches, _, queue = watching((EXPERIMENTS, asking("better")), (LEARNING_LOOPS, loop), (ROLLOUTS, rollout))
    watches.event(ROLLOUTS, "MODIFIED", rollout)
    assert sorted(queue.woken) == ["Experiment/better", "LearningLoop/facts"]


def test_an_old_event_of_anything_else_wakes_nobody() -> None:
    deployment = body("chat-a", 3, kind="Deployment") | {}
    deployment["metadata"]["labels"] = {"pawl.dev/rollout": "chat"}
    watches, _, queue = watching((DEPLOYMENTS, deployment))
    watches.event(DEPLOYMENTS, "MODIFIED", deployment)
    assert queue.woken == []
