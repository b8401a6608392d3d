"""Deployment, Service and autoscaler of one revision, as data. Pure: the same input gives the same bytes.

The pod runs as a numeric non-root user with a read-only root, no capabilities and the runtime's seccomp profile,
which the namespace level `restricted` accepts; a person's overlay may change that, as far as the namespace allows.
"""

import math
from dataclasses import dataclass
from typing import Any

from pawl.api.serving import EnvVar, ServeSpec
from pawl.durations import parse_duration
from pawl_operator.kinds.rollout.actions import EnsureWorkload, ScaleWorkload
from pawl_operator.kinds.rollout.overlay import merge_overlay
from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import AUTOSCALERS, DEPLOYMENTS, OWNED_LABEL, SERVICES

USER = 10001
ARTIFACTS = "/var/run/pawl/artifacts"
PVC = "pvc://"
MODELS = "models:/"
SERVICE_PORT = 80
GRACE_AFTER_DRAIN = 15
REVISION_LABEL = "pawl.dev/revision"
SOURCE_NOTE, DIGEST_NOTE, RELEASE_NOTE = "pawl.dev/source", "pawl.dev/digest", "pawl.dev/release"
REPLICAS_NOTE = "pawl.dev/replicas"
"""The full size: on the workload it survives an edit of the spec and a lost status, unlike the number of its pods."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The Rollout that a workload belongs to."""

    namespace: str
    name: str
    uid: str
    component: str

    def reference(self) -> dict[str, Any]:
        """Return the owner reference by which garbage collection follows the Rollout."""
        return {
            "apiVersion": "pawl.dev/v1alpha1",
            "kind": "Rollout",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def workload(self, revision: str) -> str:
        """Return the name of Deployment and Service of a revision."""
        return f"{self.name}-{revision}"

    def labels(self, revision: str) -> dict[str, str]:
        """Return the labels of everything that belongs to a revision."""
        return {
            "app.kubernetes.io/name": self.name,
            "app.kubernetes.io/managed-by": "pawl",
            OWNED_LABEL: self.name,
            "pawl.dev/rollout-uid": self.uid,
            REVISION_LABEL: revision,
            "pawl.dev/component": self.component,
        }


def build_workload(owner: Owner, wanted: EnsureWorkload, tracking_uri: str = "") -> list[Object]:
    """Return the objects of one workload, the Service first so that it is there when the first pod is ready.

    `tracking_uri` is the address of MLflow, where a source models:/... is read; empty: none is known.
    """
    objects = [_service(owner, wanted), _deployment(owner, wanted, tracking_uri)]
    if wanted.serve.autoscaling is not None:
        objects.append(_autoscaler(owner, wanted))
    return objects


def scale_ops(live: Object, wanted: ScaleWorkload) -> list[dict[str, Any]]:
    """Return the JSON Patch that sets a Deployment's size and writes down its full one, both or neither."""
    path, full = "/metadata/annotations", str(wanted.full)
    size = {"op": "add", "path": "/spec/replicas", "value": wanted.replicas}
    if not live["metadata"].get("annotations"):
        return [{"op": "add", "path": path, "value": {REPLICAS_NOTE: full}}, size]
    return [{"op": "add", "path": f"{path}/{REPLICAS_NOTE.replace('/', '~1')}", "value": full}, size]


def _metadata(owner: Owner, wanted: EnsureWorkload, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": owner.workload(wanted.revision),
        "namespace": owner.namespace,
        "labels": owner.labels(wanted.revision),
    }
    if annotations:
        metadata["annotations"] = annotations
    if wanted.owned:
        metadata["ownerReferences"] = [owner.reference()]
    return metadata


def _selector(owner: Owner, revision: str) -> dict[str, str]:
    return {OWNED_LABEL: owner.name, REVISION_LABEL: revision}


def _service(owner: Owner, wanted: EnsureWorkload) -> Object:
    return {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": _metadata(owner, wanted),
        "spec": {
            "selector": _selector(owner, wanted.revision),
            "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def _deployment(owner: Owner, wanted: EnsureWorkload, tracking_uri: str) -> Object:
    notes = {SOURCE_NOTE: wanted.source, DIGEST_NOTE: wanted.digest, RELEASE_NOTE: str(wanted.release)}
    spec: dict[str, Any] = {
        "revisionHistoryLimit": 1,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": _selector(owner, wanted.revision)},
        "template": merge_overlay(_template(owner, wanted, tracking_uri), wanted.serve.overlay),
    }
    if wanted.serve.autoscaling is None:
        notes[REPLICAS_NOTE] = str(wanted.serve.wanted_replicas)
    if wanted.replicas is not None or wanted.serve.autoscaling is None:
        spec["replicas"] = wanted.replicas if wanted.replicas is not None else wanted.serve.wanted_replicas
    return {
        "apiVersion": DEPLOYMENTS.api_version,
        "kind": DEPLOYMENTS.kind,
        "metadata": _metadata(owner, wanted, notes),
        "spec": spec,
    }


def _autoscaler(owner: Owner, wanted: EnsureWorkload) -> Object:
    scaling = wanted.serve.autoscaling
    assert scaling is not None  # noqa: S101 - the caller has looked
    target = {"type": "Utilization", "averageUtilization": scaling.target_cpu_utilization_percentage}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner.workload(wanted.revision)}
    return {
        "apiVersion": AUTOSCALERS.api_version,
        "kind": AUTOSCALERS.kind,
        "metadata": _metadata(owner, wanted),
        "spec": {
            "scaleTargetRef": reference,
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def _template(owner: Owner, wanted: EnsureWorkload, tracking_uri: str) -> dict[str, Any]:
    serve = wanted.serve
    drain = math.ceil(parse_duration(serve.drain).total_seconds())
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if claim := _claim(wanted.source):
        volumes.append({"name": "artifacts", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}})
    elif wanted.source.startswith(MODELS):
        volumes.append({"name": "artifacts", "emptyDir": {}})
    spec: dict[str, Any] = {
        "automountServiceAccountToken": serve.service_account_name is not None,
        "terminationGracePeriodSeconds": drain + GRACE_AFTER_DRAIN,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(owner, wanted, tracking_uri)],
        "volumes": volumes,
    }
    metadata: dict[str, Any] = {"labels": owner.labels(wanted.revision)}
    if serve.probe == "oip":
        scrape = {"scrape": "true", "port": str(serve.port), "path": "/metrics"}
        metadata["annotations"] = {f"prometheus.io/{key}": value for key, value in scrape.items()}
    return {"metadata": metadata, "spec": spec | _placement(serve)}


def _placement(serve: ServeSpec) -> dict[str, Any]:
    placement: dict[str, Any] = {
        "imagePullSecrets": [{"name": secret.name} for secret in serve.image_pull_secrets],
        "serviceAccountName": serve.service_account_name,
        "nodeSelector": dict(serve.node_selector),
        "tolerations": [toleration.to_wire() for toleration in serve.tolerations],
    }
    return {key: value for key, value in placement.items() if value}


def _container(owner: Owner, wanted: EnsureWorkload, tracking_uri: str) -> dict[str, Any]:
    serve = wanted.serve
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a path inside the container
    if _claim(wanted.source):
        mounts.append({"name": "artifacts", "mountPath": ARTIFACTS, "readOnly": True})
    elif wanted.source.startswith(MODELS):
        mounts.append({"name": "artifacts", "mountPath": ARTIFACTS})
    container: dict[str, Any] = {
        "name": "model",
        "image": serve.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(serve.command),
        "args": list(serve.args),
        "env": _env(owner, wanted, tracking_uri),
        "ports": [{"name": "http", "containerPort": serve.port, "protocol": "TCP"}],
        "resources": {key: value for key, value in serve.resources.to_wire().items() if value},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    return {key: value for key, value in container.items() if value} | _probes(serve)


def _env(owner: Owner, wanted: EnsureWorkload, tracking_uri: str) -> list[dict[str, Any]]:
    drain = parse_duration(wanted.serve.drain).total_seconds()
    ours = {
        "PAWL_COMPONENT": owner.component,
        "PAWL_REVISION": wanted.revision,
        "PAWL_NAMESPACE": owner.namespace,
        "PAWL_MODEL_NAME": owner.component,
        "PAWL_MODEL_SOURCE": _mounted(wanted.source),
        "PAWL_MODEL_DIGEST": wanted.digest,
        "PAWL_DRAIN_SECONDS": f"{drain:g}",
    }
    # Ours win: a server that reports another revision than its own would make the evidence lie.
    theirs = [_variable(item) for item in wanted.serve.env if item.name not in ours]
    # The registry is the exception: a Rollout may have its models in another one than the operator knows.
    named = {item["name"] for item in theirs}
    ours |= {name: value for name, value in _registry(wanted.source, tracking_uri).items() if name not in named}
    return [{"name": name, "value": value} for name, value in ours.items()] + theirs


def _registry(source: str, tracking_uri: str) -> dict[str, str]:
    """Where a version is fetched from, and where to; a container that starts again finds it there."""
    if not source.startswith(MODELS):
        return {}
    return {"MLFLOW_TRACKING_URI": tracking_uri, "PAWL_MODEL_CACHE": ARTIFACTS}


def _variable(item: EnvVar) -> dict[str, Any]:
    wire = item.to_wire()
    return wire if "value" in wire or "valueFrom" in wire else wire | {"value": ""}


def _probes(serve: ServeSpec) -> dict[str, Any]:
    timing = {"periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": 3}
    patience = {"periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 6}
    if serve.probe == "oip":
        return {
            "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": "http"}} | timing,
            "livenessProbe": {"httpGet": {"path": "/livez", "port": "http"}} | patience,
        }
    if serve.probe == "http":
        return {"readinessProbe": {"httpGet": {"path": serve.probe_path, "port": "http"}} | timing}
    if serve.probe == "grpc":
        return {"readinessProbe": {"grpc": {"port": serve.port}} | timing}
    return {}


def _claim(source: str) -> str:
    return source.removeprefix(PVC).partition("/")[0] if source.startswith(PVC) else ""


def _mounted(source: str) -> str:
    if not source.startswith(PVC):
        return source
    path = source.removeprefix(PVC).partition("/")[2]
    return f"file://{ARTIFACTS}/{path}"
