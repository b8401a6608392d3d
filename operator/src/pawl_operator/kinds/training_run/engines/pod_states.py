"""From a pod's body to what explains why an attempt does not run. Pure; anything may be missing."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pawl_operator.kinds.training_run.engines.port import moment
from pawl_operator.kinds.training_run.snapshot import GPU, PodState

Body = Mapping[str, Any]
NODE_TYPE = "ray.io/node-type"
PULL_FAILURES = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
START_FAILURES = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff", "StartError"}
)


def read_pod(body: Body) -> PodState:
    """Return what matters of a pod."""
    metadata, status = body["metadata"], body.get("status") or {}
    conditions = {entry.get("type"): entry for entry in status.get("conditions") or []}
    created = moment(metadata.get("creationTimestamp")) or datetime.min.replace(tzinfo=UTC)
    ready = conditions.get("Ready") or {}
    is_ready = ready.get("status") == "True"
    failing = [(entry, _waiting(entry)) for entry in _statuses(status)]
    pull = next((entry for entry, waiting in failing if waiting.get("reason") in PULL_FAILURES), None)
    start = next((waiting for _, waiting in failing if waiting.get("reason") in START_FAILURES), None)
    return PodState(
        name=str(metadata["name"]),
        role=str((metadata.get("labels") or {}).get(NODE_TYPE) or "trainer"),
        created=created,
        ready=is_ready,
        not_ready_since=None if is_ready else moment(ready.get("lastTransitionTime")) or created,
        ended=status.get("phase") in ("Succeeded", "Failed"),
        unschedulable=_unschedulable(conditions),
        wants_gpu=any(_limits(container).get(GPU, "0") not in (0, "0") for container in _containers(body)),
        image=str(pull.get("image") or "?") if pull is not None else "",
        waiting=f"{start.get('reason')}: {start.get('message') or 'no message'}" if start is not None else "",
        out_of_memory=any(_killed(entry) for entry in _statuses(status)),
        memory_limit=next((str(_limits(c)["memory"]) for c in _containers(body) if "memory" in _limits(c)), ""),
    )


def is_running(body: Body) -> bool:
    """Return whether the pod's containers run."""
    return (body.get("status") or {}).get("phase") == "Running"


def _unschedulable(conditions: Mapping[Any, Body]) -> str:
    placed = conditions.get("PodScheduled") or {}
    if placed.get("status") == "False" and placed.get("reason") == "Unschedulable":
        return str(placed.get("message") or "unschedulable")
    return ""


def _statuses(status: Body) -> Iterator[Body]:
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []


def _waiting(entry: Body) -> Body:
    return (entry.get("state") or {}).get("waiting") or {}


def _killed(entry: Body) -> bool:
    states = (entry.get("state") or {}, entry.get("lastState") or {})
    return any((state.get("terminated") or {}).get("reason") == "OOMKilled" for state in states)


def _containers(body: Body) -> list[Body]:
    return list((body.get("spec") or {}).get("containers") or [])


def _limits(container: Body) -> Body:
    return (container.get("resources") or {}).get("limits") or {}
