"""Readiness of Services that somebody else runs (`spec.services`), read from their EndpointSlices."""

from datetime import datetime

from pawl.api.rollout import Rollout
from pawl_operator.kinds.rollout.snapshot import WorkloadState
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import Resource

SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")


async def read_services(kube: KubePort, rollout: Rollout, namespace: str, now: datetime) -> dict[str, WorkloadState]:
    """Return the workloads behind the two Services by the revision that each arm has."""
    services, status = rollout.spec.services, rollout.status
    if services is None:
        return {}
    arms: list[tuple[str, str]] = []
    return {}
