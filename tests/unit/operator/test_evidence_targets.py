"""About whom evidence is asked for, and by which names the arms of an Experiment are found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from monitor_objects import experiment, idle_rollout, rollout
from rollout_objects import route

from pawl.api.experiment import Experiment
from pawl_operator.evidence_source import EvidenceTarget
from pawl_operator.kinds.experiment.target import experiment_target
from pawl_operator.kinds.rollout.actions import Variant
from pawl_operator.kube.resources import EXPERIMENTS, HTTP_ROUTES, ROLLOUTS, Ref, Resource
from pawl_operator.store import ObjectStore
from pawl_operator.targets import Targets
from pawl_operator.traffic.filters import Mark, marked
from pawl_operator.traffic.httproute import Ownership
from pawl_operator.traffic.variants import build_rule

STARTED = datetime(2026, 1, 1, 10, tzinfo=UTC)
ARMS = {"bold": ("candidate", "b" * 10), "today": ("stable", "a" * 10)}


def stable_backend() -> dict[str, Any]:
    filters = marked([], Mark("u1", "stable", "a" * 10, 3, 0))
    return {"name": f"chat-{'a' * 10}", "port": 80, "weight": 1, "filters": filters}


def trial_route(owner: str = "e1") -> dict[str, Any]:
    """The Rollout's rule with stable in both places, and behind it a stranger's and a rule for each arm."""
    found = route("demo", [stable_backend(), stable_backend()])
    base, ownership = found["spec"]["rules"][0], Ownership("chat", uid="u1")
    variants = [
        Variant(name, f"{owner}-{name}", f"chat-{revision}", revision, arm, owner, 1, 1)
        for name, (arm, revision) in ARMS.items()
    ]
    found["spec"]["rules"] += [{"name": "other"}, *(build_rule(base, "infer", one, ownership) for one in variants)]
    return found


def target(manifest: dict[str, Any], live: dict[str, Any] | None, *, gateway: bool = True) -> EvidenceTarget | None:
    return experiment_target(Experiment.from_cluster(manifest), "e1", "demo", live, gateway=gateway)


def cluster(rule: int) -> str:
    return f"httproute/demo/chat/rule/{rule}/backend/0"


def test_the_arms_of_a_trial_are_found_at_the_gateway_by_the_experiments_mark() -> None:
    found = target(experiment(analysis={"interval": "30s"}), trial_route())
    assert found is not None
    assert found.arms is not None
    assert (found.uid, found.release, found.interval, found.since) == ("e1", 1, timedelta(seconds=30), STARTED)
    assert dict(found.arms.arms) == {"candidate": (cluster(2),), "stable": (cluster(3),)}
    assert found.arms.serving == {"candidate", "stable"}
    # What another Experiment or the Rollout itself answers is not asked for.
    assert target(experiment(), trial_route("e2")).arms is None  # type: ignore[union-attr]
    assert target(experiment(), None).arms is None  # type: ignore[union-attr]


def test_an_arm_that_gets_nothing_may_have_no_counters() -> None:
    live = trial_route()
    live["spec"]["rules"][2]["backendRefs"][0]["weight"] = 0
    found = target(experiment(), live)
    assert found is not None
    assert found.arms is not None
    assert found.arms.serving == {"stable"}


def test_where_the_gateway_is_not_scraped_arms_are_found_by_revision() -> None:
    found = target(experiment(), trial_route(), gateway=False)
    assert found is not None
    assert found.arms is not None
    assert dict(found.arms.arms) == {"candidate": ("b" * 10,), "stable": ("a" * 10,)}
    waiting = experiment(phase="Waiting")
    del waiting["status"]["treatment"]
    assert target(waiting, trial_route(), gateway=False).arms is None  # type: ignore[union-attr]


@pytest.mark.parametrize(("phase", "asked"), [("Pending", False), ("Waiting", True), ("Complete", False)])
def test_one_that_waits_is_asked_about_and_one_that_has_ended_is_not(phase: str, asked: bool) -> None:
    assert (target(experiment(phase=phase), None) is not None) == asked


def test_one_that_is_being_deleted_is_not_asked_about() -> None:
    manifest = experiment()
    manifest["metadata"]["deletionTimestamp"] = "2026-01-01T11:00:00Z"
    assert target(manifest, None) is None


def store_with(*bodies: tuple[Resource, dict[str, Any]]) -> ObjectStore:
    store = ObjectStore()
    for resource, body in bodies:
        put(store, resource, body, 1)
    return store


def put(store: ObjectStore, resource: Resource, body: dict[str, Any], version: int) -> None:
    body["metadata"] = {"uid": resource.plural, **body["metadata"], "resourceVersion": str(version)}
    assert store.put(resource, body)


def test_rollouts_and_experiments_are_targets_and_each_is_woken_itself() -> None:
    store = store_with((ROLLOUTS, rollout()), (EXPERIMENTS, experiment()), (HTTP_ROUTES, trial_route()))
    targets = Targets(store, gateway=True)
    assert [(found.uid, found.release) for found in targets.current()] == [("u1", 3), ("e1", 1)]
    assert targets.refs == {"u1": Ref(ROLLOUTS, "demo", "chat"), "e1": Ref(EXPERIMENTS, "demo", "bolder")}


def test_an_experiment_is_read_again_when_it_or_its_rollouts_route_has_changed() -> None:
    store = store_with((ROLLOUTS, idle_rollout()), (EXPERIMENTS, experiment()))
    targets = Targets(store, gateway=True)
    (first,) = targets.current()
    assert first.arms is None
    put(store, HTTP_ROUTES, trial_route(), 2)
    assert targets.current() == [first], "nobody said that something changed"
    targets.stale = True
    (second,) = targets.current()
    assert second.arms is not None
    targets.stale = True
    assert targets.current()[0] is second
    put(store, EXPERIMENTS, experiment(phase="Complete"), 3)
    targets.stale = True
    assert targets.current() == []


def test_what_cannot_be_read_is_left_to_its_own_pass() -> None:
    lost, strange = experiment(rolloutRef={"name": "gone"}), experiment(uid="e2", mode="Telepathy")
    strange["metadata"]["name"] = "strange"
    targets = Targets(store_with((EXPERIMENTS, lost), (EXPERIMENTS, strange)), gateway=True)
    assert [(found.uid, found.arms) for found in targets.current()] == [("e1", None)]
    assert set(targets.refs) == {"e1", "e2"}
