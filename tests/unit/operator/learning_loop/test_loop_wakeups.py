"""What makes a LearningLoop be looked at: its children, its Rollout, its Component, and the end of a rival."""

from typing import Any

from pawl_operator.kube.resources import (
    COMPONENTS,
    EXPERIMENTS,
    LEARNING_LOOPS,
    ROLLOUTS,
    TRAINING_RUNS,
    Ref,
    Resource,
)
from pawl_operator.store import ObjectStore
from pawl_operator.wakeups import keys_for

OWNER = {"kind": "LearningLoop", "name": "learn", "uid": "uid-learn", "controller": True}


def body(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "demo", "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": spec}


def woken(resource: Resource, changed: dict[str, Any]) -> set[Ref]:
    store = ObjectStore()
    for name, component in (("learn", "facts"), ("rival", "facts"), ("stranger", "other")):
        store.put(LEARNING_LOOPS, body(name, component=component, rolloutRef={"name": f"chat-{component}"}))
    return {key for key in keys_for(resource, changed, store) if key.resource == LEARNING_LOOPS}


def loops(*names: str) -> set[Ref]:
    return {Ref(LEARNING_LOOPS, "demo", name) for name in names}


def test_a_child_wakes_the_loop_that_owns_it() -> None:
    for resource in (TRAINING_RUNS, EXPERIMENTS):
        child = body("learn-1")
        child["metadata"]["ownerReferences"] = [OWNER]
        assert woken(resource, child) == loops("learn")
        assert woken(resource, body("by-hand")) == set()


def test_a_rollout_wakes_the_loops_that_bring_it_versions() -> None:
    assert woken(ROLLOUTS, body("chat-other", component="other")) == loops("stranger")


def test_a_component_wakes_the_loops_that_learn_it() -> None:
    assert woken(COMPONENTS, body("facts")) == loops("learn", "rival")


def test_a_loop_wakes_those_that_learn_the_same() -> None:
    assert woken(LEARNING_LOOPS, body("learn", component="facts")) == loops("learn", "rival")
