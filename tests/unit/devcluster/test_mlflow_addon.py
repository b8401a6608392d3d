"""The MLflow add-on: a restricted pod with one claim, pinned packages, and an address for this machine."""

import fnmatch
import re
from pathlib import Path

import pytest
import yaml

from pawl_devcluster import versions
from pawl_devcluster.addons import mlflow
from pawl_devcluster.addons.registry import ADDONS, chosen
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.image_table import MLFLOW, RECIPES, inputs_digest, recipe_of, workspace
from pawl_devcluster.kubectl import Json, Kubectl, packaged
from pawl_devcluster.settings import Size

ROOM = workspace() / "devcluster" / "mlflow"


@pytest.fixture(scope="module")
def objects() -> dict[str, Json]:
    text = packaged("mlflow.yaml", image=MLFLOW, allowed_hosts=mlflow.ALLOWED_HOSTS)
    return {found["kind"]: found for found in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pod(objects: dict[str, Json]) -> Json:
    found: Json = objects["Deployment"]["spec"]["template"]["spec"]
    return found


@pytest.fixture(scope="module")
def container(pod: Json) -> Json:
    (found,) = pod["containers"]
    assert isinstance(found, dict)
    return found


def requirements() -> list[str]:
    return [block for block in (ROOM / "requirements.txt").read_text().replace("\\\n", "").splitlines() if block]


def test_everything_lies_in_its_namespace_that_lets_in_only_restricted_pods(objects: dict[str, Json]) -> None:
    assert set(objects) == {"Namespace", "PersistentVolumeClaim", "Deployment", "Service"}
    assert objects["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {found["metadata"]["name"] for found in objects.values()} == {"mlflow"}
    assert {found["metadata"].get("namespace", "mlflow") for found in objects.values()} == {mlflow.NAMESPACE}


def test_the_pod_may_nothing_and_writes_only_to_its_volumes(pod: Json, container: Json) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {volume["name"]: volume.keys() - {"name"} for volume in pod["volumes"]} == {
        "data": {"persistentVolumeClaim"},
        "tmp": {"emptyDir"},
    }


def test_database_and_artifacts_are_on_the_claim_and_one_pod_at_a_time_has_it(
    objects: dict[str, Json], container: Json
) -> None:
    assert objects["PersistentVolumeClaim"]["spec"]["storageClassName"] == "standard"
    assert objects["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]
    assert "--backend-store-uri=sqlite:////data/mlflow.db" in container["args"]
    assert "--artifacts-destination=/data/artifacts" in container["args"]
    assert "--serve-artifacts" in container["args"]


def test_the_service_leads_to_the_port_that_health_is_asked_at(objects: dict[str, Json], container: Json) -> None:
    (port,) = objects["Service"]["spec"]["ports"]
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert (objects["Service"]["spec"]["type"], port["port"]) == ("NodePort", 5000)
    assert objects["Service"]["spec"]["selector"] == labels
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": port["targetPort"]}
    assert container["ports"] == [{"name": port["targetPort"], "containerPort": 5000}]


def test_the_services_own_variables_do_not_become_options(pod: Json) -> None:
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize(
    ("host", "let_in"),
    [
        ("mlflow:5000", True),
        ("mlflow.mlflow:5000", True),
        ("mlflow.mlflow.svc.cluster.local:5000", True),
        ("10.250.0.2:31000", True),
        ("172.18.0.2:31000", True),
        ("172.8.0.2:31000", False),
        ("mlflow.example.com:5000", False),
    ],
)
def test_hosts_inside_the_cluster_and_private_addresses_are_let_in(host: str, let_in: bool) -> None:
    assert any(fnmatch.fnmatch(host, pattern) for pattern in mlflow.ALLOWED_HOSTS.split(",")) is let_in


def test_it_needs_a_node() -> None:
    assert chosen(["mlflow"], Size.NODE) == [ADDONS["mlflow"]]
    with pytest.raises(DevclusterError, match="--size node"):
        chosen(["mlflow"], Size.API)


def test_every_package_is_pinned_with_hashes_and_from_no_particular_index() -> None:
    lines = requirements()
    assert all(re.match(r"[a-z0-9-]+==\S+( +--hash=sha256:[0-9a-f]{64})+$", line) for line in lines)
    assert f"mlflow=={versions.MLFLOW}" in {line.split()[0] for line in lines}
    assert f"mlflow=={versions.MLFLOW}" in (ROOM / "requirements.in").read_text().splitlines()


def test_what_is_excluded_is_not_installed() -> None:
    excluded = {line for line in (ROOM / "excluded.txt").read_text().splitlines() if not line.startswith("#")}
    assert excluded
    assert excluded.isdisjoint(line.partition("==")[0] for line in requirements())


def test_the_image_is_pinned_verified_and_nobodys() -> None:
    text = (ROOM / "Dockerfile").read_text()
    _, build, shipped = re.split(r"^FROM ", text, flags=re.MULTILINE)
    assert "--require-hashes --no-deps" in build
    assert re.findall(r"uv==([\d.]+)", text) == re.findall(
        r"UV_VERSION := ([\d.]+)", (workspace() / "Makefile").read_text()
    )
    assert re.findall(r"^COPY (.*)$", shipped, re.MULTILINE) == ["--from=build /opt/mlflow /opt/mlflow"]
    assert "\nUSER 10001:10001\n" in shipped


def test_it_is_no_image_of_pawls_and_rebuilt_when_a_package_changes(tmp_path: Path) -> None:
    assert MLFLOW not in RECIPES
    room = tmp_path / "devcluster" / "mlflow"
    room.mkdir(parents=True)
    digests = set()
    for dockerfile, packages in (("a", "a"), ("b", "a"), ("a", "b")):
        (room / "Dockerfile").write_text(dockerfile)
        (room / "requirements.txt").write_text(packages)
        digests.add(inputs_digest(recipe_of(MLFLOW), tmp_path, "base"))
    assert len(digests) == 3


class FakeKubectl(Kubectl):
    """Knows one NodePort Service, or none."""

    def __init__(self, there: bool) -> None:
        super().__init__(Path("kubectl"), Path("kubeconfig"))
        self.there = there

    def succeeds(self, *args: str) -> bool:
        return self.there and args == ("--namespace", "mlflow", "get", "service", "mlflow")

    def get(self, *args: str) -> Json:
        return {"spec": {"ports": [{"port": 5000, "nodePort": 31555}]}}


def test_its_address_is_the_nodes_port_where_it_is_there() -> None:
    assert mlflow.url(FakeKubectl(True), "10.250.0.2") == "http://10.250.0.2:31555"
    assert mlflow.url(FakeKubectl(False), "10.250.0.2") is None
