"""A Component and a Rollout with a live release, as the API server has them, for the monitor's tests."""

from typing import Any

Object = dict[str, Any]
STARTED = "2026-01-01T10:00:00Z"
ACCURACY = {"name": "accuracy", "role": "Primary", "margin": {"absolute": "0.05"}}


def component(namespace: str = "demo", **spec: object) -> Object:
    """A Component whose answers are lists of spans."""
    meta = {"name": "facts", "namespace": namespace}
    return {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": "Component",
        "metadata": meta,
        "spec": {"score": "span-f1", **spec},
    }


def version(letter: str) -> Object:
    """The part of a status that names a revision."""
    return {"revision": letter * 10, "source": "none", "service": f"chat-{letter}"}


def release(
    state: str = "Progressing",
    *,
    metrics: object = (ACCURACY,),
    mode: str = "HashedBucket",
    window: str = "30m",
    delay: str = "1h",
    pairing: str = "Mirror",
    **changes: object,
) -> Object:
    """The status of release 3: a candidate `bbbbbbbbbb` against stable `aaaaaaaaaa`."""
    analysis = {"metrics": list(metrics), "window": window, "labelDelay": delay, "pairing": {"mode": pairing}}  # type: ignore[call-overload]
    steps = [{"setWeight": weight, "hold": "1s"} for weight in (10, 50, 100)]
    status: Object = {
        **version("b"),
        "number": 3,
        "state": state,
        "startedAt": STARTED,
        "previous": {**version("a"), "since": STARTED},
        "plan": {"steps": steps, "analysis": analysis, "bake": {"duration": "1h"}, "mode": mode},
    }
    return status | changes


def rollout(namespace: str = "demo", uid: str | None = "u1", **changes: Any) -> Object:
    """A Rollout with a live release; `changes` go to `release`."""
    meta = {"name": "chat", "namespace": namespace} | ({"uid": uid} if uid else {})
    return {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": meta,
        "spec": {
            "component": "facts",
            "routeRef": {"name": "chat", "ruleName": "infer"},
            "initialStable": {"source": "none"},
            "serve": {"image": "example.com/model:1"},
        },
        "status": {"stable": {**version("a"), "since": STARTED}, "release": release(**changes)},
    }


def idle_rollout(namespace: str = "demo", uid: str | None = "u1") -> Object:
    """A Rollout without a release on its way: one that an Experiment may ask."""
    found = rollout(namespace, uid)
    del found["status"]["release"]
    return found


def experiment(
    namespace: str = "demo", uid: str | None = "e1", phase: str = "Running", *, weight: int | None = 20, **spec: Any
) -> Object:
    """An Experiment on the Rollout `chat`: treatment `bbbbbbbbbb` against control `aaaaaaaaaa`."""
    meta = {"name": "bolder", "namespace": namespace} | ({"uid": uid} if uid else {})
    treatment: Object = {"name": "bold", "role": "Treatment", "source": "none"}
    variants = [{"name": "today", "role": "Control"}, treatment | ({"weight": weight} if weight else {})]
    analysis = {"window": "30m", "labelDelay": "1h"}
    whole = {"rolloutRef": {"name": "chat"}, "variants": variants, "metrics": [ACCURACY], "analysis": analysis} | spec
    arms = {
        name: {"revision": letter * 10, "source": "none"} for name, letter in (("control", "a"), ("treatment", "b"))
    }
    arms["treatment"]["variant"] = "bold"
    return {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": meta,
        "spec": whole,
        "status": {"phase": phase, "startedAt": STARTED, **arms},
    }
