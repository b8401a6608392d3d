"""Deployment, Service and autoscaler of a revision, and the overlay that people lay over the pods."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawl.api.serving import ServeSpec
from pawl_operator.kinds.rollout.actions import EnsureWorkload, ScaleWorkload
from pawl_operator.kinds.rollout.manifests import Owner, build_workload, scale_ops
from pawl_operator.kinds.rollout.overlay import merge_overlay

OWNER = Owner("demo", "chat", "uid-1", "facts")
DIGEST = "sha256:" + "a" * 64


MLFLOW = "http://mlflow.mlflow:5000"


def build(
    source: str = "s3://models/v1", *, asked: int | None = None, owned: bool = True, **serve: Any
) -> dict[str, Any]:
    spec = ServeSpec.model_validate({"image": "example.com/model:1"} | serve)
    wanted = EnsureWorkload("aaaaaaaaaa", source, DIGEST, spec, asked, release=3, owned=owned)
    return {manifest["kind"]: manifest for manifest in build_workload(OWNER, wanted, MLFLOW)}


def container(manifests: dict[str, Any]) -> dict[str, Any]:
    return manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def test_the_whole_deployment_of_a_plain_revision() -> None:
    """One full picture, so that a change of any field is seen in review."""
    labels = {
        "app.kubernetes.io/name": "chat",
        "app.kubernetes.io/managed-by": "pawl",
        "pawl.dev/rollout": "chat",
        "pawl.dev/rollout-uid": "uid-1",
        "pawl.dev/revision": "aaaaaaaaaa",
        "pawl.dev/component": "facts",
    }
    selector = {"pawl.dev/rollout": "chat", "pawl.dev/revision": "aaaaaaaaaa"}
    assert build()["Deployment"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "chat-aaaaaaaaaa",
            "namespace": "demo",
            "labels": labels,
            "annotations": {
                "pawl.dev/source": "s3://models/v1",
                "pawl.dev/digest": DIGEST,
                "pawl.dev/release": "3",
                "pawl.dev/replicas": "1",
            },
            "ownerReferences": [
                {
                    "apiVersion": "pawl.dev/v1alpha1",
                    "kind": "Rollout",
                    "name": "chat",
                    "uid": "uid-1",
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": "8080",
                        "prometheus.io/path": "/metrics",
                    },
                },
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 20,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 10001,
                        "runAsGroup": 10001,
                        "fsGroup": 10001,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "model",
                            "image": "example.com/model:1",
                            "imagePullPolicy": "IfNotPresent",
                            "env": [
                                {"name": "PAWL_COMPONENT", "value": "facts"},
                                {"name": "PAWL_REVISION", "value": "aaaaaaaaaa"},
                                {"name": "PAWL_NAMESPACE", "value": "demo"},
                                {"name": "PAWL_MODEL_NAME", "value": "facts"},
                                {"name": "PAWL_MODEL_SOURCE", "value": "s3://models/v1"},
                                {"name": "PAWL_MODEL_DIGEST", "value": DIGEST},
                                {"name": "PAWL_DRAIN_SECONDS", "value": "5"},
                            ],
                            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                            "readinessProbe": {
                                "httpGet": {"path": "/v2/health/ready", "port": "http"},
                                "periodSeconds": 1,
                                "timeoutSeconds": 3,
                                "failureThreshold": 3,
                            },
                            "livenessProbe": {
                                "httpGet": {"path": "/livez", "port": "http"},
                                "periodSeconds": 5,
                                "timeoutSeconds": 3,
                                "failureThreshold": 6,
                            },
                        }
                    ],
                    "volumes": [{"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    }
    assert build()["Service"]["spec"] == {
        "selector": selector,
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
    }


def test_an_artifact_on_a_claim_is_mounted_read_only() -> None:
    manifests = build("pvc://models/taggers/v1")
    spec = manifests["Deployment"]["spec"]["template"]["spec"]
    mount = {"name": "artifacts", "mountPath": "/var/run/pawl/artifacts", "readOnly": True}
    claim = {"name": "artifacts", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
    assert claim in spec["volumes"]
    assert mount in container(manifests)["volumeMounts"]
    source = {"name": "PAWL_MODEL_SOURCE", "value": "file:///var/run/pawl/artifacts/taggers/v1"}
    assert source in container(manifests)["env"]


def test_a_registered_version_is_fetched_into_a_folder_that_outlives_its_container() -> None:
    manifests = build("models:/demo.facts/7")
    spec = manifests["Deployment"]["spec"]["template"]["spec"]
    assert {"name": "artifacts", "emptyDir": {}} in spec["volumes"]
    assert {"name": "artifacts", "mountPath": "/var/run/pawl/artifacts"} in container(manifests)["volumeMounts"]
    env = {item["name"]: item["value"] for item in container(manifests)["env"]}
    assert env["PAWL_MODEL_SOURCE"] == "models:/demo.facts/7"
    assert env["MLFLOW_TRACKING_URI"] == MLFLOW
    assert env["PAWL_MODEL_CACHE"] == "/var/run/pawl/artifacts"


def test_a_rollout_may_name_another_registry() -> None:
    other = {"name": "MLFLOW_TRACKING_URI", "value": "http://other:5000"}
    found = [
        item for item in container(build("models:/demo.facts/7", env=[other]))["env"] if item["name"] == other["name"]
    ]
    assert found == [other]


@pytest.mark.parametrize("source", ["none", "pvc://models/v1", "s3://models/v1", "oci://registry/facts:1"])
def test_other_sources_know_no_registry(source: str) -> None:
    names = {item["name"] for item in container(build(source))["env"]}
    assert not names & {"MLFLOW_TRACKING_URI", "PAWL_MODEL_CACHE"}


def test_autoscaling_leaves_the_size_to_the_autoscaler() -> None:
    manifests = build(autoscaling={"minReplicas": 2, "maxReplicas": 5})
    assert "replicas" not in manifests["Deployment"]["spec"]
    assert "pawl.dev/replicas" not in manifests["Deployment"]["metadata"]["annotations"]
    assert manifests["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == 2
    assert "HorizontalPodAutoscaler" not in build()


@pytest.mark.parametrize(("asked", "replicas", "size"), [(None, None, 1), (None, 3, 3), (2, 3, 2)])
def test_the_size_is_the_actions_or_the_specs(asked: int | None, replicas: int | None, size: int) -> None:
    serve = {} if replicas is None else {"replicas": replicas}
    assert build(asked=asked, **serve)["Deployment"]["spec"]["replicas"] == size


def test_a_smaller_workload_remembers_its_full_size() -> None:
    deployment = build(asked=1, replicas=4)["Deployment"]
    assert deployment["spec"]["replicas"] == 1
    assert deployment["metadata"]["annotations"]["pawl.dev/replicas"] == "4"


@pytest.mark.parametrize("notes", [{"pawl.dev/release": "3"}, {}, None])
def test_scaling_writes_size_and_full_size_together(notes: dict[str, str] | None) -> None:
    live = {"metadata": {} if notes is None else {"annotations": notes}, "spec": {"replicas": 4}}
    note, size = scale_ops(live, ScaleWorkload("aaaaaaaaaa", 1, 4))
    assert (size["path"], size["value"]) == ("/spec/replicas", 1)
    if notes:
        assert (note["path"], note["value"]) == ("/metadata/annotations/pawl.dev~1replicas", "4")
    else:
        assert (note["path"], note["value"]) == ("/metadata/annotations", {"pawl.dev/replicas": "4"})


def test_a_workload_that_outlives_the_rollout_has_no_owner() -> None:
    assert all("ownerReferences" not in manifest["metadata"] for manifest in build(owned=False).values())


@pytest.mark.parametrize(
    ("serve", "readiness"),
    [
        ({"probe": "http", "probePath": "/up"}, {"httpGet": {"path": "/up", "port": "http"}}),
        ({"probe": "grpc"}, {"grpc": {"port": 8080}}),
        ({"probe": "none"}, None),
    ],
)
def test_probes_of_other_servers(serve: dict[str, Any], readiness: dict[str, Any] | None) -> None:
    found = container(build(**serve))
    assert {k: v for k, v in found.get("readinessProbe", {}).items() if k in ("httpGet", "grpc")} == (readiness or {})
    assert "livenessProbe" not in found


def test_people_cannot_make_a_server_lie_about_its_revision() -> None:
    env = [{"name": "PAWL_REVISION", "value": "other"}, {"name": "MINE", "value": "1"}, {"name": "EMPTY"}]
    found = {item["name"]: item.get("value") for item in container(build(env=env))["env"]}
    assert (found["PAWL_REVISION"], found["MINE"], found["EMPTY"]) == ("aaaaaaaaaa", "1", "")


def test_the_drain_fits_into_the_grace_period() -> None:
    spec = build(drain="90s")["Deployment"]["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == 105


def test_an_overlay_reaches_pod_and_container_by_name() -> None:
    overlay = {
        "metadata": {"annotations": {"team": "a"}},
        "spec": {
            "priorityClassName": "high",
            "containers": [
                {"name": "model", "env": [{"name": "X", "value": "1"}], "readinessProbe": None},
                {"name": "sidecar", "image": "s"},
            ],
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "gone", "$patch": "delete"}],
        },
    }
    template = build(overlay=overlay)["Deployment"]["spec"]["template"]
    assert template["metadata"]["annotations"]["team"] == "a"
    assert template["metadata"]["labels"]["pawl.dev/rollout"] == "chat"
    model, sidecar = template["spec"]["containers"]
    assert {"name": "X", "value": "1"} in model["env"]
    assert len(model["env"]) == 8
    assert "readinessProbe" not in model
    assert sidecar == {"name": "sidecar", "image": "s"}
    assert template["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "containers", "name", "env", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["spec", "containers", "name", "env", "x"]), JSON, max_size=4)


# Making the first text of a fresh clone takes as long as the health check allows for all of them.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(base=OBJECTS, overlay=OBJECTS)
def test_merging_never_fails_changes_no_input_and_is_idempotent(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    before = json.dumps([base, overlay], sort_keys=True)
    once = merge_overlay(base, overlay)
    assert merge_overlay(once, overlay) == once
    assert json.dumps([base, overlay], sort_keys=True) == before
