"""Which objects have to be looked at when one of the watched objects changes. Pure."""

from collections.abc import Iterable, Mapping, Set
from typing import Any

from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import (
    COMPONENTS,
    DEPLOYMENTS,
    EXPERIMENTS,
    HTTP_ROUTES,
    LEARNING_LOOPS,
    LEASES,
    OWN_KINDS,
    OWNED_LABEL,
    PODS,
    ROLLOUTS,
    SECURITY_POLICIES,
    TRAFFIC_POLICIES,
    TRAINING_RUNS,
    Ref,
    Resource,
)
from pawl_operator.store import ObjectStore
from pawl_operator.traffic.claim import claim_ref

_BY_LABEL = (DEPLOYMENTS, PODS, TRAFFIC_POLICIES, SECURITY_POLICIES)


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
        keys |= _asking(store, namespace, {entry.name for entry in keys if entry.resource == ROLLOUTS})
        keys |= _learning(store, namespace, name)
    if resource == ROLLOUTS:
        # One that goes away may free the rule that others wait for.
        keys |= _refs(other for other in rollouts if _route(other) and _route(other) == _route(body))
        keys |= _asking(store, namespace, {name})
    if resource == EXPERIMENTS:
        asked = _asked(body)
        keys |= {Ref(ROLLOUTS, namespace, asked)} if asked else set()
    if resource in (TRAINING_RUNS, EXPERIMENTS):
        keys |= {Ref(LEARNING_LOOPS, namespace, owner) for owner in _owners(body, LEARNING_LOOPS.kind)}
    if resource == LEARNING_LOOPS:
        # One that goes away may free the component that others wait for.
        keys |= _learning(store, namespace, str((body.get("spec") or {}).get("component")))
    return keys


def _learning(store: ObjectStore, namespace: str, component: str) -> set[Ref]:
    """Return the loops that learn a component."""
    found = (body for body in store.list(LEARNING_LOOPS, namespace) if body["spec"].get("component") == component)
    return {Ref(LEARNING_LOOPS, namespace, body["metadata"]["name"]) for body in found}


def _owners(body: Mapping[str, Any], kind: str) -> list[str]:
    owners = body["metadata"].get("ownerReferences") or []
    return [owner["name"] for owner in owners if owner.get("kind") == kind]


def _asking(store: ObjectStore, namespace: str, rollouts: Set[str]) -> set[Ref]:
    """Return what looks at these Rollouts: Experiments that ask them, loops that bring them versions."""
    kinds = (EXPERIMENTS, LEARNING_LOOPS)
    found = ((kind, body) for kind in kinds for body in store.list(kind, namespace) if _asked(body) in rollouts)
    return {Ref(kind, namespace, body["metadata"]["name"]) for kind, body in found}


def _asked(body: Mapping[str, Any]) -> str:
    return str(((body.get("spec") or {}).get("rolloutRef") or {}).get("name") or "")


def _route(body: Mapping[str, Any]) -> Mapping[str, str]:
    return (body.get("spec") or {}).get("routeRef") or {}


def _claims(body: Object, lease: str) -> bool:
    route = _route(body)
    return bool(route) and claim_ref(body["metadata"]["namespace"], route["name"], route["ruleName"]).name == lease


def _refs(bodies: Iterable[Object]) -> set[Ref]:
    return {Ref(ROLLOUTS, body["metadata"]["namespace"], body["metadata"]["name"]) for body in bodies}
