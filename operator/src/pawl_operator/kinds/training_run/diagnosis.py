"""Why an attempt's pods do not run, or ended: the first cause that a person can remove, with the remedy. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pawl_operator.kinds.training_run.reasons import Reason
from pawl_operator.kinds.training_run.snapshot import GPU, PodState

FIELDS = {"head": "spec.engine.kubeRay.head", "worker": "spec.engine.kubeRay.worker", "trainer": "spec.engine.job"}
SLOW = timedelta(seconds=30)
"""Pods are made within seconds, once there is a node; what takes longer waits for something."""
Diagnosis = tuple[Reason, str]
_RAY_OUT_OF_MEMORY = re.compile(r"OutOfMemory|running low on memory|out of memory", re.IGNORECASE)


def why_not_started(pods: Sequence[PodState], now: datetime) -> Diagnosis | None:
    """Return what keeps pods from running; None where nothing is known to."""
    for cause in (_image, _node, _container):
        found = next((told for pod in pods if (told := cause(pod)) is not None), None)
        if found is not None:
            return found
    slow = [pod for pod in pods if not pod.ready and not pod.ended and now - pod.created > SLOW]
    if not slow:
        return None
    names = _names(slow)
    return (
        Reason.STARTING,
        f"not ready yet: {names}; `kubectl describe pod` tells more (is there a Secret pawl-trainer?)",
    )


def why_out_of_memory(pods: Sequence[PodState], told: str) -> str:
    """Return which memory limit to raise; empty where memory was not the cause. ``told`` are the engine's words."""
    pod = next((entry for entry in pods if entry.out_of_memory), None)
    if pod is not None:
        limit = f", now {pod.memory_limit}" if pod.memory_limit else ""
        field = f"{FIELDS[pod.role]}.resources.limits.memory"
        return f"pod {pod.name} ran out of memory: raise {field}{limit}"
    if _RAY_OUT_OF_MEMORY.search(told) is None:
        return ""
    roles = {entry.role for entry in pods}
    field = f"{FIELDS['worker']}.resources.limits.memory" if "worker" in roles else "the memory of the Ray cluster"
    return f"the training ran out of memory: raise {field} ({told[:400]})"


def lost(pods: Iterable[PodState], patience: timedelta, now: datetime) -> str:
    """Return which pods have been gone from a running attempt for too long; empty: none."""
    gone = [
        pod
        for pod in pods
        if not pod.ended and pod.not_ready_since is not None and now - pod.not_ready_since >= patience
    ]
    return _names(gone)


def headless(pods: Sequence[PodState]) -> bool:
    """Return whether the pods of a running Ray cluster of our own are without a head, which nobody makes again."""
    return any(pod.role == "worker" for pod in pods) and all(pod.role != "head" for pod in pods)


def _image(pod: PodState) -> Diagnosis | None:
    if not pod.image:
        return None
    remedy = "push it to where the nodes pull from, correct the name, or name a pull secret in the template"
    return Reason.IMAGE_PULL_FAILED, f"pod {pod.name} cannot pull image {pod.image}: {remedy}"


def _node(pod: PodState) -> Diagnosis | None:
    if not pod.unschedulable:
        return None
    told = pod.unschedulable[:400]
    field = FIELDS[pod.role]
    if pod.wants_gpu and "Insufficient" not in pod.unschedulable:
        remedy = f"add one, or set {field}.resources.limits to {GPU}: 0 to train without a GPU"
        return Reason.NO_GPU_NODE, f"no node with label {GPU}.present=true takes pod {pod.name}: {remedy} ({told})"
    remedy = f"free some capacity, add a node, or lower {field}.resources"
    return Reason.UNSCHEDULABLE, f"no node has room for pod {pod.name}: {remedy} ({told})"


def _container(pod: PodState) -> Diagnosis | None:
    if not pod.waiting:
        return None
    remedy = "it needs Secret pawl-trainer with key token in this namespace; look at the pod"
    return Reason.CONTAINER_NOT_MADE, f"a container of pod {pod.name} cannot start: {pod.waiting[:400]}; {remedy}"


def _names(pods: Sequence[PodState]) -> str:
    return ", ".join(pod.name for pod in pods[:4])
