"""The chart renders for each values file, and what it renders keeps to the restricted standard."""

import base64
import json

import pytest
from helm import CHART, objects, pods

VALUES_FILES = [[], ["-f", str(CHART / "values-dev.yaml")]]
EVERYTHING = [
    "--set",
    "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,networkPolicy.enabled=true",
    "--set",
    "database.existingSecret.name=postgres,collector.replicas=3,monitor.replicas=2,operator.replicas=2",
    "--set",
    "collector.apiKeys.tenants={demo,shop},watchNamespaces={demo,shop}",
]


@pytest.mark.parametrize("arguments", [*VALUES_FILES, EVERYTHING], ids=["laptop", "dev", "everything"])
def test_every_container_is_restricted_probed_and_bounded(arguments: list[str]) -> None:
    found = pods(objects(*arguments))
    assert {name for name, _ in found} == {"pawl-operator", "pawl-collector", "pawl-monitor", "pawl-assigner"}
    for name, spec in found:
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert {"livenessProbe", "readinessProbe", "startupProbe"} <= container.keys(), name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name


@pytest.mark.parametrize("arguments", [*VALUES_FILES, EVERYTHING], ids=["laptop", "dev", "everything"])
def test_every_object_carries_the_labels_and_a_name_of_its_own(arguments: list[str]) -> None:
    rendered = objects(*arguments)
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in rendered]
    assert len(names) == len(set(names))
    for one in rendered:
        if one["kind"] != "CustomResourceDefinition":
            assert one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "pawl", one["metadata"]["name"]


def test_selectors_match_the_pods_they_mean() -> None:
    rendered = objects()
    for one in rendered:
        if one["kind"] == "Deployment":
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_namespaced_mode_needs_no_cluster_role_of_the_processes() -> None:
    rendered = objects("--set", "watchNamespaces={demo}", "--set", "rbac.aggregate=false")
    kinds = {one["kind"] for one in rendered}
    assert "ClusterRoleBinding" not in kinds
    assert "ClusterRole" not in kinds
    roles = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in rendered if one["kind"] == "Role"}
    assert ("demo", "pawl-operator") in roles


def test_no_process_may_read_secrets_or_everything() -> None:
    for one in objects():
        for rule in one.get("rules", []) if one["kind"] in {"Role", "ClusterRole"} else []:
            assert "secrets" not in rule["resources"], one["metadata"]["name"]
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], one["metadata"]["name"]


def test_api_keys_file_holds_hashes_of_the_tenants_tokens_only() -> None:
    import hashlib

    rendered = objects("--set", "collector.apiKeys.tenants={demo}")
    secrets = {one["metadata"]["name"]: one for one in rendered if one["kind"] == "Secret"}
    tokens = {name: base64.b64decode(secrets[name]["data"]["token"]) for name in ("pawl-client", "pawl-trainer")}
    hashes = {name: hashlib.sha256(token).hexdigest() for name, token in tokens.items()}
    keys = json.loads(base64.b64decode(secrets["pawl-collector-keys"]["data"]["keys.json"]))
    assert keys["keys"] == [
        {"sha256": hashes["pawl-client"], "namespace": "demo", "roles": ["write"]},
        {"sha256": hashes["pawl-trainer"], "namespace": "demo", "roles": ["read"]},
    ]
    assert {secrets[name]["metadata"]["namespace"] for name in tokens} == {"demo"}
    pseudonym = base64.b64decode(secrets["pawl-collector-pseudonym"]["data"]["key"]).decode()
    assert len(bytes.fromhex(pseudonym)) == 32


def test_the_assigner_has_a_second_replica_and_reads_the_keys_of_the_collector() -> None:
    named = "collector.apiKeys.existingSecret=keys"
    for arguments, replicas, secret in (
        ([], 2, "pawl-collector-keys"),
        (VALUES_FILES[1], 1, "pawl-collector-keys"),
        (["--set", named], 2, "keys"),
    ):
        rendered = [one for one in objects(*arguments) if one["metadata"]["name"] == "pawl-assigner"]
        found = {one["kind"]: one.get("spec") for one in rendered}
        assert found["Deployment"]["replicas"] == replicas
        assert ("PodDisruptionBudget" in found) == (replicas > 1)
        [volume] = [one for one in found["Deployment"]["template"]["spec"]["volumes"] if one["name"] == "keys"]
        assert volume["secret"]["secretName"] == secret
        assert [port["port"] for port in found["Service"]["ports"]] == [8080]


def test_sqlite_is_one_claim_that_both_mount_and_postgres_needs_none() -> None:
    with_sqlite = objects()
    assert [one["metadata"]["name"] for one in with_sqlite if one["kind"] == "PersistentVolumeClaim"] == [
        "pawl-database"
    ]
    mounted = {
        name for name, spec in pods(with_sqlite) if any("persistentVolumeClaim" in volume for volume in spec["volumes"])
    }
    assert mounted == {"pawl-collector", "pawl-monitor"}
    with_postgres = objects("--set", "database.existingSecret.name=postgres")
    assert not [one for one in with_postgres if one["kind"] == "PersistentVolumeClaim"]


def test_digest_wins_over_tag_and_registry_comes_in_front() -> None:
    digest = "sha256:" + "a" * 64
    rendered = objects("--set", f"operator.image.digest={digest},global.imageRegistry=mirror.example/pawl")
    images = {name: spec["containers"][0]["image"] for name, spec in pods(rendered)}
    assert images["pawl-operator"] == f"mirror.example/pawl/pawl/operator@{digest}"
    assert images["pawl-monitor"] == "mirror.example/pawl/pawl/monitor:0.1.0"


def test_crds_and_promote_policy_have_switches() -> None:
    def kinds(*arguments: str) -> set[str]:
        return {one["kind"] for one in objects(*arguments)}

    assert {"CustomResourceDefinition", "ValidatingAdmissionPolicy"} <= kinds()
    assert "CustomResourceDefinition" not in kinds("--set", "crds.enabled=false")
    assert "ValidatingAdmissionPolicy" not in kinds("--set", "promotePolicy.enabled=false")
