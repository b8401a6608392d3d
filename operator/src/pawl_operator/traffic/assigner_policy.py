"""The policy by which a rule asks the assigner for each user's arm (Envoy Gateway's SecurityPolicy), and the grant that
lets it reach the assigner's Service in Pawl's own namespace. Pure.

The assigner may be gone or slow: `failOpen` then sends the request on without a header, to stable. The header that a
client sends itself is taken away before any rule is looked at by a ClientTrafficPolicy on the gateway, which belongs
to whoever runs the gateway; without it nobody is assigned (see `removes_header`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import HTTP_ROUTES, OWNED_LABEL, REFERENCE_GRANTS, SECURITY_POLICIES, Ref
from pawl_operator.traffic.variants import HEADER

TIMEOUT = "1s"
"""How long a request may wait for its arm; afterwards it goes to stable. Where no assigner is there at all it does not
wait: this is for one that hangs.
"""


@dataclass(frozen=True, slots=True)
class AssignerService:
    """Where the assigner answers."""

    namespace: str
    name: str
    port: int


def policy_ref(namespace: str, rollout: str) -> Ref:
    """Return the address of a Rollout's policy."""
    return Ref(SECURITY_POLICIES, namespace, f"pawl-{rollout}")


def build_policy(
    namespace: str,
    rollout: str,
    route: str,
    rule: str,
    header: str,
    assigner: AssignerService,
    owner: Mapping[str, Any],
) -> Object:
    """Return the policy for one rule; owned by the Rollout, so that it goes with it."""
    ref = policy_ref(namespace, rollout)
    target = {"group": HTTP_ROUTES.group, "kind": HTTP_ROUTES.kind, "name": route, "sectionName": rule}
    backend = {"group": "", "kind": "Service", "name": assigner.name, "port": assigner.port}
    if assigner.namespace != namespace:
        backend["namespace"] = assigner.namespace
    return {
        "apiVersion": SECURITY_POLICIES.api_version,
        "kind": SECURITY_POLICIES.kind,
        "metadata": {
            "name": ref.name,
            "namespace": namespace,
            "labels": {OWNED_LABEL: rollout, "app.kubernetes.io/name": rollout, "app.kubernetes.io/managed-by": "pawl"},
            "ownerReferences": [dict(owner)],
        },
        "spec": {
            "targetRefs": [target],
            "extAuth": {
                "failOpen": True,
                "recomputeRoute": True,
                "timeout": TIMEOUT,
                "headersToExtAuth": [header],
                "http": {
                    "path": f"/check/{namespace}/{rollout}",
                    "headersToBackend": [HEADER],
                    "backendRefs": [backend],
                },
            },
        },
    }


def build_grant(namespace: str, assigner: AssignerService) -> Object | None:
    """Return the grant that lets policies of a tenant's namespace name the assigner; None where it is at home."""
    if namespace == assigner.namespace:
        return None
    return {
        "apiVersion": REFERENCE_GRANTS.api_version,
        "kind": REFERENCE_GRANTS.kind,
        "metadata": {
            "name": f"pawl-assigner-{namespace}",
            "namespace": assigner.namespace,
            "labels": {"app.kubernetes.io/name": "pawl-assigner", "app.kubernetes.io/managed-by": "pawl"},
        },
        "spec": {
            "from": [{"group": SECURITY_POLICIES.group, "kind": SECURITY_POLICIES.kind, "namespace": namespace}],
            "to": [{"group": "", "kind": "Service", "name": assigner.name}],
        },
    }


def is_wanted(live: Object | None, wanted: Object) -> bool:
    """Return whether the policy that is there asks the assigner as we want, on the rule that we want."""
    if live is None:
        return False
    have, want = live.get("spec") or {}, wanted["spec"]
    return bool(have.get("targetRefs") == want["targetRefs"] and _covers(have.get("extAuth"), want["extAuth"]))


def removes_header(policies: Iterable[Object], gateway: str) -> bool:
    """Return whether one of a namespace's ClientTrafficPolicies takes our header away from what clients send to
    `gateway`, on all of its listeners.
    """
    return any(_targets(policy, gateway) and HEADER in _removed_early(policy) for policy in policies)


def _removed_early(policy: Object) -> list[str]:
    early = ((policy.get("spec") or {}).get("headers") or {}).get("earlyRequestHeaders") or {}
    return [str(name).lower() for name in early.get("remove") or []]


def _targets(policy: Object, gateway: str) -> bool:
    spec = policy.get("spec") or {}
    targets = [*(spec.get("targetRefs") or []), *([spec["targetRef"]] if spec.get("targetRef") else [])]
    return any(t.get("kind") == "Gateway" and t.get("name") == gateway and not t.get("sectionName") for t in targets)


def _covers(have: object, want: object) -> bool:
    """Return whether everything that we ask for is there; what the API server filled in beside it does not matter."""
    if isinstance(want, Mapping):
        return isinstance(have, Mapping) and all(_covers(have.get(key), value) for key, value in want.items())
    if isinstance(want, list):
        return isinstance(have, list) and len(have) == len(want) and all(map(_covers, have, want))
    return have == want
