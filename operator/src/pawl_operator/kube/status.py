"""Writes a status: at the resource version that was judged, and only where something changed."""

from collections.abc import Mapping
from typing import Any

from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import Ref


async def write_status(kube: KubePort, ref: Ref, live: Object, status: Mapping[str, Any]) -> Object | None:
    """Write `status` over the status of `live`; None when they are equal and nothing was sent.

    Raises:
        Conflict: the object changed since `live` was read; what was decided may no longer hold.
    """
    if (live.get("status") or {}) == status:
        return None
    return await kube.replace_status(ref, live | {"status": dict(status)})
