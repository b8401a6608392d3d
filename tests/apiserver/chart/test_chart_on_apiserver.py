"""The real API server takes everything that the chart renders, and the roles allow what each process needs, no more."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm import CHART, helm_binary, objects

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "manifests"
OTHERS = {"ServiceMonitor", "PrometheusRule"}
PARTS = ("operator", "collector", "monitor")
VARIANTS = [
    [],
    ["-f", str(CHART / "values-dev.yaml")],
    [
        "--set",
        "watchNamespaces={default}",
        "--set-json",
        'networkPolicy={"enabled": true, "collectorFrom": [{"matchLabels": {"team": "shop"}}], "metricsFrom": [{}]}',
    ],
    ["--set", "database.existingSecret.name=pg,collector.replicas=2"],
]


@pytest.mark.parametrize("arguments", VARIANTS, ids=["laptop", "dev", "namespaced", "postgres"])
def test_a_dry_run_on_the_server_accepts_every_object(apiserver: Any, namespace: str, arguments: list[str]) -> None:
    for one in objects(*arguments, "--set", f"collector.apiKeys.tenants={{{namespace}}}"):
        if one["kind"] in OTHERS:
            continue
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = namespace
        apiserver.apply(one, dryRun="All", fieldValidation="Strict")


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_examples_are_accepted(apiserver: Any, namespace: str, path: Path) -> None:
    for one in yaml.safe_load_all(path.read_text()):
        if one["kind"] in {"Gateway", "Namespace", "ClientTrafficPolicy"}:
            continue
        one["metadata"]["namespace"] = namespace
        apiserver.create(one, dryRun="All", fieldValidation="Strict")


MAY = [
    ("operator", "patch", "pawl.dev", "rollouts", ""),
    ("operator", "update", "pawl.dev", "rollouts", "status"),
    ("operator", "create", "apps", "deployments", ""),
    ("operator", "patch", "gateway.networking.k8s.io", "httproutes", ""),
    ("operator", "delete", "gateway.envoyproxy.io", "backendtrafficpolicies", ""),
    ("operator", "create", "coordination.k8s.io", "leases", ""),
    ("operator", "create", "", "events", ""),
    ("operator", "create", "pawl.dev", "trainingruns", ""),
    ("operator", "delete", "pawl.dev", "experiments", ""),
    ("monitor", "list", "pawl.dev", "rollouts", ""),
    ("monitor", "list", "pawl.dev", "components", ""),
    ("monitor", "list", "pawl.dev", "experiments", ""),
    ("monitor", "list", "pawl.dev", "learningloops", ""),
    ("monitor", "create", "coordination.k8s.io", "leases", ""),
    ("assigner", "list", "pawl.dev", "rollouts", ""),
    ("assigner", "watch", "pawl.dev", "rollouts", ""),
    ("monitor", "get", "coordination.k8s.io", "leases", "", "pawl-monitor"),
    ("monitor", "update", "coordination.k8s.io", "leases", "", "pawl-monitor"),
    ("operator", "update", "coordination.k8s.io", "leases", ""),
    ("operator", "delete", "coordination.k8s.io", "leases", ""),
]
MAY_NOT = [
    ("operator", "get", "", "secrets", ""),
    ("operator", "delete", "pawl.dev", "rollouts", ""),
    ("operator", "create", "pawl.dev", "rollouts", ""),
    ("operator", "delete", "pawl.dev", "learningloops", ""),
    ("operator", "delete", "gateway.networking.k8s.io", "httproutes", ""),
    ("operator", "update", "pawl.dev", "rollouts", "promote"),
    ("operator", "create", "", "pods", ""),
    ("operator", "patch", "coordination.k8s.io", "leases", ""),
    ("monitor", "patch", "pawl.dev", "rollouts", ""),
    ("monitor", "patch", "pawl.dev", "learningloops", ""),
    ("monitor", "get", "", "secrets", ""),
    ("monitor", "update", "coordination.k8s.io", "leases", ""),
    ("monitor", "update", "coordination.k8s.io", "leases", "", "pawl-operator"),
    ("monitor", "get", "coordination.k8s.io", "leases", "", "pawl-operator"),
    ("monitor", "delete", "coordination.k8s.io", "leases", "", "pawl-monitor"),
    ("collector", "list", "pawl.dev", "rollouts", ""),
    ("assigner", "get", "pawl.dev", "rollouts", ""),
    ("assigner", "patch", "pawl.dev", "rollouts", ""),
    ("assigner", "update", "pawl.dev", "rollouts", "status"),
    ("assigner", "list", "pawl.dev", "components", ""),
    ("assigner", "get", "", "secrets", ""),
    ("assigner", "create", "coordination.k8s.io", "leases", ""),
]


def test_each_process_may_do_what_it_needs_and_no_more(apiserver: Any, namespace: str) -> None:
    kinds = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    for one in objects():
        if one["kind"] in kinds:
            if "namespace" in one["metadata"]:
                one["metadata"]["namespace"] = namespace
            apiserver.apply(one)
    assert [who for who in MAY if not allowed(apiserver, namespace, *who)] == []
    assert [who for who in MAY_NOT if allowed(apiserver, namespace, *who)] == []


def allowed(
    apiserver: Any, namespace: str, process: str, verb: str, group: str, resource: str, sub: str, name: str = ""
) -> bool:
    asked = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": sub}
    asked |= {"name": name} if name else {}
    user = f"system:serviceaccount:pawl-system:pawl-{process}"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {"resourceAttributes": asked, "user": user},
    }
    answer = apiserver.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def helm(apiserver: Any, *arguments: str) -> str:
    environment = {**os.environ, "KUBECONFIG": str(apiserver.kubeconfig)}
    done = subprocess.run([helm_binary(), *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def secrets_of(apiserver: Any, namespace: str) -> dict[str, Any]:
    names = ("pawl-client", "pawl-trainer", "pawl-collector-keys", "pawl-collector-pseudonym")
    return {name: apiserver.get("v1", "Secret", name, namespace)["data"] for name in names}


def alone(namespace: str) -> list[str]:
    """Options of a release within one namespace; the definitions are there already and belong to nobody's release."""
    cluster = "crds.enabled=false,rbac.aggregate=false,promotePolicy.enabled=false"
    return ["--set", f"watchNamespaces={{{namespace}}}", "--set", cluster, "-n", namespace]


def test_generated_keys_last_over_upgrades_and_what_people_said_over_an_uninstall(
    apiserver: Any, namespace: str
) -> None:
    options = ["--set", f"collector.apiKeys.tenants={{{namespace}}}", *alone(namespace)]
    notes = helm(apiserver, "install", "pawl", str(CHART), *options)
    assert "collector.pseudonymKey.existingSecret" in notes
    before = secrets_of(apiserver, namespace)
    helm(apiserver, "upgrade", "pawl", str(CHART), *options, "--set", "operator.logLevel=DEBUG")
    assert secrets_of(apiserver, namespace) == before
    helm(apiserver, "uninstall", "pawl", "-n", namespace)
    assert apiserver.exists("v1", "Secret", "pawl-collector-pseudonym", namespace)
    assert apiserver.exists("v1", "PersistentVolumeClaim", "pawl-database", namespace)
    assert not apiserver.exists("v1", "Secret", "pawl-client", namespace)
    assert not apiserver.exists("v1", "Secret", "pawl-trainer", namespace)
    assert not apiserver.exists("apps/v1", "Deployment", "pawl-operator", namespace)


def test_keys_that_the_chart_made_are_kept_when_they_are_named_as_existing(apiserver: Any, namespace: str) -> None:
    options = ["--set", f"collector.apiKeys.tenants={{{namespace}}}", *alone(namespace)]
    helm(apiserver, "install", "pawl", str(CHART), *options)
    before = secrets_of(apiserver, namespace)
    for name in before:
        note = {"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}
        apiserver.patch("v1", "Secret", name, note, namespace)
    named = "collector.apiKeys.existingSecret=pawl-collector-keys"
    named += ",collector.pseudonymKey.existingSecret=pawl-collector-pseudonym"
    notes = helm(apiserver, "upgrade", "pawl", str(CHART), *options, "--set", named)
    assert secrets_of(apiserver, namespace) == before
    assert "helm template" not in notes


@pytest.mark.parametrize("side", ["true", "false"], ids=["applied by the server", "patched by helm"])
def test_an_upgrade_may_change_the_database_and_the_replicas(apiserver: Any, namespace: str, side: str) -> None:
    def strategies() -> list[str]:
        found = [apiserver.get("apps/v1", "Deployment", f"pawl-{part}", namespace) for part in PARTS]
        return [one["spec"]["strategy"]["type"] for one in found]

    options = [*alone(namespace), f"--server-side={side}"]
    postgres = ["--set", "database.existingSecret.name=pg,operator.replicas=2"]
    helm(apiserver, "install", "pawl", str(CHART), *options, *postgres)
    assert strategies() == ["RollingUpdate"] * 3
    helm(apiserver, "upgrade", "pawl", str(CHART), *options)
    assert strategies() == ["Recreate"] * 3
    helm(apiserver, "upgrade", "pawl", str(CHART), *options, *postgres)
    assert strategies() == ["RollingUpdate"] * 3
