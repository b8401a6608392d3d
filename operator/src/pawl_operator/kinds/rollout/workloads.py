"""From Deployments and pods to what `decide` knows about a workload. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pawl_operator.kinds.rollout.manifests import DIGEST_NOTE, RELEASE_NOTE, REVISION_LABEL, SOURCE_NOTE
from pawl_operator.kinds.rollout.snapshot import WorkloadState
from pawl_operator.kube.port import Object

Body = Mapping[str, Any]


def read_workloads(deployments: Iterable[Object], pods: Sequence[Object], uid: str) -> dict[str, WorkloadState]:
    """Return the workloads of one Rollout by revision; `uid` tells which owner references are its own."""
    found = {}
    for deployment in deployments:
        revision = _labels(deployment).get(REVISION_LABEL)
        if revision and not deployment["metadata"].get("deletionTimestamp"):
            mine = [pod for pod in pods if _labels(pod).get(REVISION_LABEL) == revision and _present(pod)]
            found[revision] = _read_one(revision, deployment, mine, uid)
    return found


def _read_one(revision: str, deployment: Object, pods: Sequence[Object], uid: str) -> WorkloadState:
    status, notes = deployment.get("status") or {}, deployment["metadata"].get("annotations") or {}
    desired = int((deployment.get("spec") or {}).get("replicas", 1))
    # Counts that the controller has not renewed since the last change of the spec say nothing about it.
    current = int(status.get("observedGeneration") or 0) >= int(deployment["metadata"].get("generation") or 0)
    ready = int(status.get("readyReplicas") or 0) if current else 0
    if pods:
        ready = min(ready, sum(_is_ready(pod) for pod in pods))
    return WorkloadState(
        revision=revision,
        desired=desired,
        ready=ready,
        available=int(status.get("availableReplicas") or 0) if current else 0,
        restarts=sum(int(c.get("restartCount") or 0) for pod in pods for c in _containers(pod)),
        last_terminated=max((at for pod in pods for c in _containers(pod) for at in _ends(c)), default=None),
        not_ready_since=_not_ready_since(deployment, pods) if ready < desired else None,
        source=notes.get(SOURCE_NOTE, ""),
        digest=notes.get(DIGEST_NOTE, ""),
        release=int(notes.get(RELEASE_NOTE) or 0),
        owned=any(reference.get("uid") == uid for reference in deployment["metadata"].get("ownerReferences") or []),
    )


def _not_ready_since(deployment: Object, pods: Sequence[Object]) -> datetime | None:
    changes = [at for pod in pods if not _is_ready(pod) and (at := _condition_time(pod, "Ready")) is not None]
    fallback = _condition_time(deployment, "Available") or _time(deployment["metadata"].get("creationTimestamp"))
    return min(changes, default=fallback)


def _is_ready(pod: Body) -> bool:
    return _condition(pod, "Ready").get("status") == "True"


def _condition(body: Body, kind: str) -> Body:
    conditions = (body.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == kind), {})


def _condition_time(body: Body, kind: str) -> datetime | None:
    return _time(_condition(body, kind).get("lastTransitionTime"))


def _containers(pod: Body) -> Sequence[Body]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def _ends(container: Body) -> Iterable[datetime]:
    for state in ("state", "lastState"):
        at = _time(((container.get(state) or {}).get("terminated") or {}).get("finishedAt"))
        if at is not None:
            yield at


def _present(pod: Body) -> bool:
    return not pod["metadata"].get("deletionTimestamp") and (pod.get("status") or {}).get("phase") != "Succeeded"


def _labels(body: Body) -> Mapping[str, str]:
    return body["metadata"].get("labels") or {}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
