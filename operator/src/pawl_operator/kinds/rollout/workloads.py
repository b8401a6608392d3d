"""From Deployments and pods to what `decide` knows about a workload. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pawl_operator.kinds.rollout.manifests import (
    DIGEST_NOTE,
    RELEASE_NOTE,
    REPLICAS_NOTE,
    REVISION_LABEL,
    SOURCE_NOTE,
)
from pawl_operator.kinds.rollout.snapshot import WorkloadState
from pawl_operator.kube.port import Object

Body = Mapping[str, Any]
ENDED = ("Succeeded", "Failed")
"""Phases of pods that were replaced: an evicted pod lies there for hours, and says nothing about its successor."""


def read_workloads(deployments: Iterable[Object], pods: Sequence[Object], uid: str) -> dict[str, WorkloadState]:
    """Return the workloads of one Rollout by revision; `uid` tells which owner references are its own."""
    found = {}
    for deployment in deployments:
        revision = _labels(deployment).get(REVISION_LABEL)
        if revision and not deployment["metadata"].get("deletionTimestamp"):
            mine = [pod for pod in pods if _labels(pod).get(REVISION_LABEL) == revision and not _ended(pod)]
            found[revision] = _read_one(revision, deployment, mine, uid)
    return found


def _read_one(revision: str, deployment: Object, known: Sequence[Object], uid: str) -> WorkloadState:
    pods = [pod for pod in known if not pod["metadata"].get("deletionTimestamp")]
    status, notes = deployment.get("status") or {}, deployment["metadata"].get("annotations") or {}
    desired = int((deployment.get("spec") or {}).get("replicas", 1))
    # Counts that the controller has not renewed since the last change of the spec say nothing about it.
    current = int(status.get("observedGeneration") or 0) >= int(deployment["metadata"].get("generation") or 0)
    ready, up = int(status.get("readyReplicas") or 0) if current else 0, sum(_is_ready(pod) for pod in pods)
    if pods:
        ready = min(ready, up)
    return WorkloadState(
        revision=revision,
        desired=desired,
        ready=ready,
        available=int(status.get("availableReplicas") or 0) if current else 0,
        up=up,
        restarts=sum(int(c.get("restartCount") or 0) for pod in pods for c in _containers(pod)),
        last_terminated=max((at for pod in pods for c in _containers(pod) for at in _ends(c)), default=None),
        not_ready_since=_not_ready_since(deployment, known) if ready == 0 else None,
        source=notes.get(SOURCE_NOTE, ""),
        digest=notes.get(DIGEST_NOTE, ""),
        release=int(notes.get(RELEASE_NOTE) or 0),
        full=_whole(notes.get(REPLICAS_NOTE)),
        owned=any(reference.get("uid") == uid for reference in deployment["metadata"].get("ownerReferences") or []),
    )


def _not_ready_since(deployment: Object, pods: Sequence[Object]) -> datetime | None:
    """Return since when no pod has been ready; None where one is, or nobody knows.

    The last pod to become unready counts, one that is leaving included, and a newborn one that has said nothing yet
    since its birth. The Deployment is asked only where there is no pod: the time at which it became available, days
    ago, says nothing about a pod that was replaced this second.
    """
    if any(_is_ready(pod) for pod in pods):
        return None
    if pods:
        return max((at for at in map(_unready_since, pods) if at is not None), default=None)
    available = _condition(deployment, "Available")
    if available:
        return _time(available.get("lastTransitionTime")) if available.get("status") == "False" else None
    return _time(deployment["metadata"].get("creationTimestamp"))


def _unready_since(pod: Body) -> datetime | None:
    return _condition_time(pod, "Ready") or _time(pod["metadata"].get("creationTimestamp"))


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


def _ended(pod: Body) -> bool:
    return (pod.get("status") or {}).get("phase") in ENDED


def _labels(body: Body) -> Mapping[str, str]:
    return body["metadata"].get("labels") or {}


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
