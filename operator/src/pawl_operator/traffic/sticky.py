"""The policy that hashes a user's header over the arms of a rule (Envoy Gateway's BackendTrafficPolicy). Pure."""

from collections.abc import Mapping, Sequence
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


def refusal(live: Object | None) -> str | None:
    """Return why a gateway refuses the policy; empty where all have accepted it, None where none has answered yet.

    Envoy Gateway answers once for each gateway of the route, in `status.ancestors[].conditions` of type Accepted:
    False with reason Conflicted where an older policy has the rule, Invalid where it cannot be carried out. An answer
    about an earlier generation says nothing about this one.
    """
    answers = [answer for answer in map(_accepted, _ancestors(live)) if answer is not None]
    said = [answer for answer in answers if _is_current(live, answer)]
    bad = [f"{answer.get('reason')}: {answer.get('message')}" for answer in said if answer.get("status") == "False"]
    return "; ".join(bad)[:512] if said else None


def _ancestors(live: Object | None) -> Sequence[Mapping[str, Any]]:
    return ((live or {}).get("status") or {}).get("ancestors") or []


def _accepted(ancestor: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((item for item in ancestor.get("conditions") or [] if item.get("type") == "Accepted"), None)


def _is_current(live: Object | None, answer: Mapping[str, Any]) -> bool:
    generation = ((live or {}).get("metadata") or {}).get("generation")
    return bool(answer.get("observedGeneration", generation) == generation)
