"""The claim on a route rule: a Lease named after the rule, held by one Rollout. Pure.

It is not renewed: it stands until its holder gives it up or is gone. Its owner reference lets garbage collection
take it away with the Rollout; a holder that the watch no longer knows counts as gone even before that.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pawl_operator.kinds.rollout.snapshot import ClaimState
from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import LEASES, OWNED_LABEL, Ref

CLAIM_LABEL = "pawl.dev/claim"


def claim_ref(namespace: str, route: str, rule: str) -> Ref:
    """Return the address of a rule's claim: readable, unique, and short enough for any route name."""
    token = hashlib.sha256(f"{route}/{rule}".encode()).hexdigest()[:10]
    return Ref(LEASES, namespace, f"pawl-claim-{route[:120]}-{rule[:60]}-{token}".lower())


def read_claim(lease: Object | None, uid: str, exists: Callable[[str, str], bool]) -> ClaimState:
    """Return who holds the rule; `exists(name, uid)` says whether that Rollout is still there."""
    name, holder = _holder(lease)
    if holder == uid:
        return ClaimState(held=True, holder=f"Rollout/{name}")
    if not holder or not exists(name, holder):
        return ClaimState()
    return ClaimState(held=False, holder=f"Rollout/{name}")


def claim_body(lease: Object | None, ref: Ref, rollout: str, uid: str, owner: dict[str, Any], now: datetime) -> Object:
    """Return the Lease that says this Rollout holds the rule: to create, or to replace a claim that is free."""
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    held: dict[str, Any] = (lease or {}).get("metadata") or {}
    metadata: dict[str, Any] = {
        "name": ref.name,
        "namespace": ref.namespace,
        "labels": {OWNED_LABEL: rollout, CLAIM_LABEL: "route", "app.kubernetes.io/managed-by": "pawl"},
        "ownerReferences": [owner],
    }
    if lease is not None:
        metadata |= {"resourceVersion": held["resourceVersion"], "uid": held["uid"]}
    spec = {"holderIdentity": f"{rollout}/{uid}", "acquireTime": stamp, "renewTime": stamp}
    return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}


def _holder(lease: Object | None) -> tuple[str, str]:
    identity = str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")
    name, _, uid = identity.partition("/")
    return name, uid
