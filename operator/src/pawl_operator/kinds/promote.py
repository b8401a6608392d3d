"""Makes a version the candidate of a Rollout, as a manager of its own that owns this one field.

Git may go on holding the rest of the Rollout: what a proof decided is not put back by the next sync.
"""

from typing import Any

from pawl.errors import NotFound
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import ROLLOUTS, Ref

PROMOTER = "pawl-promote"


async def set_candidate(kube: KubePort, ref: Ref, candidate: dict[str, Any]) -> Object:
    """Write `candidate` (a ModelVersion as JSON) into spec.candidate and return the Rollout as it is now.

    Raises:
        NotFound: there is no such Rollout.
        PawlError: it could not be written.
    """
    live = await kube.get(ref)
    if live is None:
        raise NotFound(f"Rollout {ref.name} does not exist", field="spec.rolloutRef.name", value=ref.name)
    held = live["spec"].get("candidate") or {}
    if set(held) - set(candidate):
        # Apply alone would leave another version's override of serve, which somebody else owns, on this one.
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
        await kube.json_patch(
            ref, [version, {"op": "replace", "path": "/spec/candidate", "value": candidate}], manager=PROMOTER
        )
    body = {
        "apiVersion": ROLLOUTS.api_version,
        "kind": ROLLOUTS.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"candidate": candidate},
    }
    return await kube.apply(ref, body, manager=PROMOTER)
