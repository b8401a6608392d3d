"""What the tests of a LearningLoop on a real API server share: the loop, its count, and children that do as told."""

from pathlib import Path
from typing import Any

import loop_operator
from polling import wait_until
from rollout_objects import version
from stage import PAWL, Stage

from pawl.new_examples import COMPUTED, COUNT

Object = dict[str, Any]
PARTIAL = (str(Path(loop_operator.__file__).resolve()),)
"""The command of an operator that reconciles only what RECONCILED names."""
NAME = "facts"


def loop(namespace: str, name: str = NAME, **spec: Any) -> Object:
    """A LearningLoop that trains at 100 new examples and compares live; `spec` replaces fields."""
    body: Object = {
        "component": "facts",
        "rolloutRef": {"name": "chat"},
        "minNewExamples": 100,
        "floor": 20,
        "stage": "Live",
        "trainingTemplate": {"spec": {"trainer": "linear-tagger"}},
        "experimentTemplate": {"spec": {"metrics": [{"name": "accuracy", "role": "Primary"}]}},
    }
    spec = {key: value for key, value in (body | spec).items() if value is not None}
    return {
        "apiVersion": PAWL,
        "kind": "LearningLoop",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def status_of(stage: Stage, kind: str = "LearningLoop", name: str = NAME) -> Object:
    """Read a status; empty where the object is not there."""
    if not stage.server.exists(PAWL, kind, name, stage.namespace):
        return {}
    return stage.server.get(PAWL, kind, name, stage.namespace).get("status") or {}


def write_status(stage: Stage, kind: str, name: str, status: Object) -> None:
    """Write a status as the kind's own controller would."""
    stage.server.patch(PAWL, kind, name, {"status": status}, stage.namespace, subresource="status")


def count(stage: Stage, examples: int, name: str = NAME) -> None:
    """Let the monitor count that many new examples from now on."""
    uid = stage.server.get(PAWL, "LearningLoop", name, stage.namespace)["metadata"]["uid"]
    labels = {"uid": uid, "object_kind": "LearningLoop", "object": name, "instance": "monitor"}
    with stage.prometheus.lock:
        stage.prometheus.gauge(COUNT, examples, **labels)
        stage.prometheus.gauge(COMPUTED, None, **labels)


def wait_phase(stage: Stage, phase: str, name: str = NAME) -> Object:
    """Wait until a loop has a phase and return its status."""
    wait_until(
        lambda: status_of(stage, name=name).get("phase") == phase,
        40,
        lambda: f"{status_of(stage, name=name)}\n{stage.explain_log()}",
    )
    return status_of(stage, name=name)


def wait_child(stage: Stage, kind: str, name: str) -> Object:
    """Wait for a child and return it."""
    wait_until(
        lambda: stage.server.exists(PAWL, kind, name, stage.namespace),
        40,
        lambda: f"{status_of(stage)}\n{stage.explain_log()}",
    )
    return stage.server.get(PAWL, kind, name, stage.namespace)


def train(stage: Stage, name: str, registered: str = "v2") -> None:
    """End a training with a registered version."""
    write_status(stage, "TrainingRun", name, {"phase": "Succeeded", "registered": version(registered)})


def ship(stage: Stage, name: str) -> None:
    """Decide an Experiment for its treatment, which becomes the candidate."""
    arms = stage.server.get(PAWL, "Experiment", name, stage.namespace)["spec"]["variants"]
    treatment = next({"source": arm["source"], "digest": arm["digest"]} for arm in arms if arm["role"] == "Treatment")
    write_status(stage, "Experiment", name, {"phase": "Complete", "decision": "Ship"})
    metadata = {"name": "chat", "namespace": stage.namespace}
    body = {"apiVersion": PAWL, "kind": "Rollout", "metadata": metadata, "spec": {"candidate": treatment}}
    stage.server.apply(body, manager="pawl-promote")
