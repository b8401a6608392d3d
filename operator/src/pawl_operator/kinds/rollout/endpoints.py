"""Readiness of Services that somebody else runs (`spec.services`), read from their EndpointSlices."""

from datetime import datetime

from pawl.api.rollout import Rollout
from pawl_operator.kinds.rollout.snapshot import WorkloadState
from pawl_operator.kinds.rollout.versions import candidate_of, resolve, service_of
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import ENDPOINT_SLICES, SERVICE_LABEL

CHANGE_NOTE = "endpoints.kubernetes.io/last-change-trigger-time"


async def read_services(kube: KubePort, rollout: Rollout, namespace: str) -> dict[str, WorkloadState]:
    """Return what is behind the two Services, by the revision that each of them stands for.

    Their pods are not ours to count or restart: restarts stay 0, and one ready endpoint is as good as all of them.
    """
    return {
        revision: _state(revision, await _slices(kube, namespace, service))
        for revision, service in _arms(rollout).items()
    }


def _arms(rollout: Rollout) -> dict[str, str]:
    spec, status, name = rollout.spec, rollout.status, rollout.metadata.name
    initial = resolve(spec, spec.initial_stable).revision
    stable = status.stable
    arms = {stable.revision: stable.service} if stable is not None else {initial: service_of(name, spec, initial)}
    candidate = candidate_of(spec)
    if candidate is not None and candidate.revision not in arms:
        arms[candidate.revision] = service_of(name, spec, candidate.revision, taken=next(iter(arms.values())))
    release = status.release
    if release is not None and release.revision not in arms:
        arms[release.revision] = release.service
    return arms


async def _slices(kube: KubePort, namespace: str, service: str) -> tuple[Object, ...]:
    return (await kube.list(ENDPOINT_SLICES, namespace, selector=f"{SERVICE_LABEL}={service}")).items


def _state(revision: str, slices: tuple[Object, ...]) -> WorkloadState:
    endpoints = [endpoint for item in slices for endpoint in item.get("endpoints") or []]
    # An absent condition means ready, by the API's own definition.
    ready = sum((endpoint.get("conditions") or {}).get("ready", True) is not False for endpoint in endpoints)
    desired = max(1, len(endpoints))
    return WorkloadState(
        revision=revision,
        exists=bool(slices),
        desired=desired,
        ready=ready,
        available=ready,
        not_ready_since=max(map(_changed, slices), default=None) if ready == 0 else None,
        owned=False,
    )


def _changed(item: Object) -> datetime:
    metadata = item["metadata"]
    return datetime.fromisoformat((metadata.get("annotations") or {}).get(CHANGE_NOTE) or metadata["creationTimestamp"])
