"""The pod of a trainer, as data: restricted, without a service account's token, with little room to write. Pure.

The image's user need not exist: HOME and USER say where a library may write and what it may call itself. /dev/shm is
memory and counts against the container's limit; Ray keeps its objects there.
"""

from typing import Any

from pawl.api.training_run import PodPlan
from pawl_operator.kinds.rollout.overlay import merge_overlay
from pawl_operator.kinds.training_run.actions import StartAttempt
from pawl_operator.kinds.training_run.engines.port import Subject
from pawl_operator.kinds.training_run.snapshot import GPU

CONTAINER = "trainer"
USER = 10001
SECRET, KEY = "pawl-trainer", "token"
KEYS = "/var/run/pawl/trainer"
TOKEN_FILE = f"{KEYS}/{KEY}"
SCRATCH = "/tmp"  # noqa: S108 - a path inside the container
SCRATCH_SIZE, SHARED_MEMORY_SIZE = "8Gi", "256Mi"
GRACE_SECONDS = 10
GPU_NODE = {f"{GPU}.present": "true"}
GPU_TOLERATION = {"key": GPU, "operator": "Exists"}
REQUESTS = {"cpu": "100m", "memory": "1Gi"}
LIMITS = {"memory": "3Gi"}
"""Enough for the head of a Ray cluster (seen: 0.8 GiB) and for the smaller trainers."""


Resources = dict[str, dict[str, Any]]


def pod_template(
    subject: Subject,
    wanted: StartAttempt,
    plan: PodPlan,
    resources: Resources,
    variables: dict[str, str],
    container: dict[str, Any],
) -> dict[str, Any]:
    """Return the template of one role's pods, with the person's own patch laid over it.

    `container` adds to the one container: command, probes, ports. The labels by which the pods are found stay ours.
    """
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wanted, resources, variables) | container],
        "volumes": _volumes(),
    }
    if GPU in resources["limits"]:
        spec |= {"nodeSelector": dict(GPU_NODE), "tolerations": [dict(GPU_TOLERATION)]}
    labels = subject.labels(wanted.number)
    merged = merge_overlay({"metadata": {"labels": labels}, "spec": spec}, plan.template)
    return merge_overlay(merged, {"metadata": {"labels": labels}})


def resources_of(plan: PodPlan, *, gpus: int = 0) -> Resources:
    """Return requests and limits: ours, as far as the plan says nothing else. A GPU of 0 is none."""
    given = plan.resources
    bounds = LIMITS | {GPU: gpus} | dict(given.limits)
    bounds = {key: value for key, value in bounds.items() if not (key == GPU and str(value) == "0")}
    # A request of ours beside a limit of theirs might be above it; without one the limit is taken.
    ours = {key: value for key, value in REQUESTS.items() if key not in given.limits}
    return {"requests": ours | dict(given.requests), "limits": bounds}


def _container(wanted: StartAttempt, resources: Resources, variables: dict[str, str]) -> dict[str, Any]:
    home = {"HOME": SCRATCH, "USER": CONTAINER}
    return {
        "name": CONTAINER,
        "image": wanted.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": name, "value": value} for name, value in (home | variables).items()],
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "scratch", "mountPath": SCRATCH},
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108 - a path inside the container
            {"name": "key", "mountPath": KEYS, "readOnly": True},
        ],
    }


def _volumes() -> list[dict[str, Any]]:
    return [
        {"name": "scratch", "emptyDir": {"sizeLimit": SCRATCH_SIZE}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": SHARED_MEMORY_SIZE}},
        {"name": "key", "secret": {"secretName": SECRET, "items": [{"key": KEY, "path": KEY}], "defaultMode": 0o440}},
    ]
