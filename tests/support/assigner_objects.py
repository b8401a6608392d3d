"""Rollouts with an assignment of users, as the API server has them, for the assigner's tests."""

from typing import Any

Object = dict[str, Any]
KEY = "facts.bbbbbbbbbb"


def arm(name: str, start: int, end: int, letter: str = "b", uid: str = "0a1b2c3d") -> Object:
    """One range."""
    return {"variant": name, "revision": letter * 10, "header": f"{uid}-{name}", "start": start, "end": end}


def assignment(*, generation: int = 1, treatment: int = 5000, key: str = KEY, **changes: object) -> Object:
    """Treatment from 0 to `treatment`, control above it."""
    body: Object = {
        "experiment": "better-facts",
        "uid": "0a1b2c3d-0000-4000-8000-000000000000",
        "component": "facts",
        "key": key,
        "generation": generation,
        "ranges": [arm("treatment", 0, treatment), arm("control", treatment, 10_000, "a")],
    }
    return body | changes


def assigning(
    namespace: str = "demo", name: str = "chat", *, assigned: object = None, component: str = "facts", **status: object
) -> Object:
    """A Rollout; with `assigned` None it has no Experiment."""
    traffic: Object = {"mode": "HeaderRule"} | ({} if assigned is None else {"assignment": assigned})
    return {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-of-{namespace}-{name}"},
        "spec": {"component": component, "routeRef": {"name": name, "ruleName": "infer"}},
        "status": {"traffic": traffic, **status},
    }
