"""Which objects have to be looked at when one of the watched objects changes. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import (
    COMPONENTS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    LEASES,
    OWN_KINDS,
    OWNED_LABEL,
    PODS,
    ROLLOUTS,
    TRAFFIC_POLICIES,
    Ref,
    Resource,
)
from pawl_operator.store import ObjectStore
from pawl_operator.traffic.claim import claim_ref

_BY_LABEL = (DEPLOYMENTS, PODS, TRAFFIC_POLICIES)


def keys_for(resource: Resource, body: Mapping[str, Any], store: ObjectStore) -> set[Ref]:
    """Return the keys to enqueue for a change of `body`."""
    metadata = body["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    keys = {Ref(resource, namespace, name)} if resource in OWN_KINDS else set()
    rollouts = store.list(ROLLOUTS, namespace)
    if resource in _BY_LABEL:
        owner = (metadata.get("labels") or {}).get(OWNED_LABEL)
        return {Ref(ROLLOUTS, namespace, owner)} if owner else set()
    if resource == HTTP_ROUTES:
        return _refs(body for body in rollouts if _route(body).get("name") == name)
    if resource == LEASES:
        return _refs(body for body in rollouts if _claims(body, name))
    if resource == COMPONENTS:
        keys |= _refs(body for body in rollouts if body["spec"].get("component") == name)
    if resource == ROLLOUTS:
        # One that goes away may free the rule that others wait for.
        keys |= _refs(other for other in rollouts if _route(other) and _route(other) == _route(body))
    return keys


def _route(body: Mapping[str, Any]) -> Mapping[str, str]:
    return (body.get("spec") or {}).get("routeRef") or {}


def _claims(body: Object, lease: str) -> bool:
    route = _route(body)
    return bool(route) and claim_ref(body["metadata"]["namespace"], route["name"], route["ruleName"]).name == lease


def _refs(bodies: Iterable[Object]) -> set[Ref]:
    return {Ref(ROLLOUTS, body["metadata"]["namespace"], body["metadata"]["name"]) for body in bodies}
