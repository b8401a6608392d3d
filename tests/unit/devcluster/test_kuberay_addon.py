"""The KubeRay add-on: definitions as its project makes them, and an operator with no more rights than it asks for."""

import pytest
import yaml

from pawl_devcluster import own_images, versions
from pawl_devcluster.addons import gateway, kuberay
from pawl_devcluster.kubectl import Json, packaged


@pytest.fixture(scope="module")
def objects() -> dict[str, Json]:
    text = packaged("kuberay.yaml", image=own_images.RAY_OPERATOR)
    return {found["kind"]: found for found in yaml.safe_load_all(text)}


def test_pods_keep_the_labels_of_their_template() -> None:
    """Without it the API server refuses or drops `template.metadata.labels`, by which a run's pods are found."""
    assert "generateEmbeddedObjectMeta=true" in kuberay.SOURCE.options
    assert "generateEmbeddedObjectMeta" not in gateway.ENVOY_GATEWAY.options


def test_new_types_are_generated_anew() -> None:
    assert versions.KUBERAY in kuberay.SOURCE.name


def test_the_operator_has_its_own_rights_and_is_not_the_administrator(objects: dict[str, Json]) -> None:
    assert objects["ClusterRoleBinding"]["roleRef"]["name"] == objects["ClusterRole"]["metadata"]["name"]
    rules = objects["ClusterRole"]["rules"]
    assert all("*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]} for rule in rules)
    allowed = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert {("rayjobs/finalizers", "update"), ("pods", "create"), ("services", "create"), ("secrets", "get")} <= allowed
    assert ("secrets", "update") not in allowed
    assert ("secrets", "delete") not in allowed


def test_the_operators_pod_is_restricted_and_bounded(objects: dict[str, Json]) -> None:
    assert objects["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert container["image"] == own_images.RAY_OPERATOR
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["resources"]["limits"] == {"memory": "512Mi"}
