"""The policy that hashes a user's header over the arms of a rule (Envoy Gateway's BackendTrafficPolicy). Pure."""

from collections.abc import Mapping
from typing import Any

from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import HTTP_ROUTES, OWNED_LABEL, TRAFFIC_POLICIES, Ref


def policy_ref(namespace: str, rollout: str) -> Ref:
    """Return the address of a Rollout's policy."""
    return Ref(TRAFFIC_POLICIES, namespace, f"pawl-{rollout}")


def build_policy(namespace: str, rollout: str, route: str, rule: str, header: str, owner: Mapping[str, Any]) -> Object:
    """Return the policy for one rule; owned by the Rollout, so that it goes with it."""
    ref = policy_ref(namespace, rollout)
    target = {"group": HTTP_ROUTES.group, "kind": HTTP_ROUTES.kind, "name": route, "sectionName": rule}
    return {
        "apiVersion": TRAFFIC_POLICIES.api_version,
        "kind": TRAFFIC_POLICIES.kind,
        "metadata": {
            "name": ref.name,
            "namespace": namespace,
            "labels": {OWNED_LABEL: rollout, "app.kubernetes.io/name": rollout, "app.kubernetes.io/managed-by": "pawl"},
            "ownerReferences": [dict(owner)],
        },
        "spec": {
            "targetRefs": [target],
            "loadBalancer": {
                "type": "ConsistentHash",
                "consistentHash": {"type": "Headers", "headers": [{"name": header}]},
            },
        },
    }


def is_wanted(live: Object | None, wanted: Object) -> bool:
    """Return whether the policy that is there hashes what we want on the rule we want."""
    if live is None:
        return False
    have, want = live.get("spec") or {}, wanted["spec"]
    hashing = ((have.get("loadBalancer") or {}).get("consistentHash") or {}).get("headers")
    return bool(
        have.get("targetRefs") == want["targetRefs"]
        and (have.get("loadBalancer") or {}).get("type") == "ConsistentHash"
        and hashing == want["loadBalancer"]["consistentHash"]["headers"]
    )
