"""Objects of the operator's tests: a route, a Rollout with holds of a second, evidence as the monitor exports it."""

from typing import Any

from fake_prometheus import FakePrometheus

Object = dict[str, Any]
DIGESTS = {name: f"sha256:{number:064x}" for number, name in enumerate(("v1", "v2", "v3"), start=1)}


def route(namespace: str, backends: list[Object] | None = None, name: str = "chat") -> Object:
    """An HTTPRoute with the rule `infer`."""
    rule = {"name": "infer", "backendRefs": backends or []}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"parentRefs": [{"name": "gw"}], "rules": [rule]},
    }


def component(namespace: str) -> Object:
    """A Component with default metrics."""
    meta = {"name": "facts", "namespace": namespace}
    return {"apiVersion": "pawl.dev/v1alpha1", "kind": "Component", "metadata": meta, "spec": {"score": "span-f1"}}


def version(name: str) -> Object:
    """A model version."""
    return {"source": f"s3://models/{name}", "digest": DIGESTS[name]}


def rollout(
    namespace: str,
    *,
    name: str = "chat",
    weights: tuple[int, ...] = (10, 25, 50, 75, 100),
    hold: str = "1s",
    metrics: bool = True,
    **spec: Any,
) -> Object:
    """A Rollout on the route `chat`; `spec` replaces fields."""
    metric = {"name": "accuracy", "role": "Primary", "margin": {"absolute": "0.05"}, "minUsers": 30}
    analysis = {"metrics": [metric] if metrics else [], "interval": "1s", "window": "1s", "expectedUsers": 200}
    body: Object = {
        "component": "facts",
        "routeRef": {"name": "chat", "ruleName": "infer"},
        "initialStable": version("v1"),
        "serve": {"image": "example.com/model:1", "drain": "1s"},
        "stickiness": {"unit": "Request"},
        "steps": [{"setWeight": weight, "hold": hold, "require": "NoHarm"} for weight in weights],
        "analysis": analysis,
        "bake": {"duration": "1s"},
        "progressDeadline": "1m",
    }
    return {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": namespace},
        "spec": body | spec,
    }


def export_evidence(
    prometheus: FakePrometheus,
    uid: str,
    release: int,
    steps: range,
    *,
    users: int = 150,
    stable: float = 0.8,
    candidate: float = 0.8,
    computed: float | None = None,
    instance: str = "monitor:8080",
    batch: int = 1,
) -> None:
    """Export what the monitor would say of `users` users an arm in each of `steps`, with those accuracies.

    `computed` is when the monitor last looked (epoch seconds); None: it looks all the time.
    """
    for step in steps:
        labels = {"object_uid": uid, "release": str(release), "step": str(step), "metric": "accuracy"}
        labels |= {"instance": instance, "object_kind": "Rollout"}
        for arm, mean in (("stable", stable), ("candidate", candidate)):
            m2 = users * mean * (1 - mean)
            values = {
                "users": users,
                "mean": mean,
                "m2": m2,
                "denominator_mean": 1.0,
                "denominator_m2": 0.0,
                "comoment": 0.0,
                "samples": users,
            }
            for field, value in values.items():
                prometheus.gauge(f"pawl_evidence_{field}", value, arm=arm, **labels)
        prometheus.gauge("pawl_evidence_batch", batch, arm="", **labels)
        for field in ("watermark_timestamp_seconds", "computed_timestamp_seconds"):
            prometheus.gauge(f"pawl_evidence_{field}", computed, arm="", **labels)
