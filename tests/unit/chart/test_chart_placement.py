"""A SQLite claim attaches to one node: the two pods on it keep together and never overlap. Postgres binds nobody."""

import json
from typing import Any

import pytest
from helm import objects, template

POSTGRES = ["--set", "database.existingSecret.name=postgres"]
MOUNTING = ["collector", "monitor"]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def deployments(*arguments: str) -> dict[str, dict[str, Any]]:
    """Spec of each Deployment by the part it runs."""
    found = [one for one in objects(*arguments) if one["kind"] == "Deployment"]
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"] for one in found}


def required(spec: dict[str, Any]) -> list[dict[str, Any]]:
    affinity = spec["template"]["spec"].get("affinity", {})
    return affinity.get("podAffinity", {}).get(REQUIRED, [])


def test_with_sqlite_both_pods_require_the_node_of_the_other_and_may_come_first() -> None:
    found = deployments()
    terms = [required(found[part]) for part in MOUNTING]
    assert terms[0] == terms[1]
    [term] = terms[0]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    wanted = term["labelSelector"]["matchLabels"]
    assert wanted
    for part in MOUNTING:
        # Kubernetes places the first pod because it matches its own term.
        assert wanted.items() <= found[part]["template"]["metadata"]["labels"].items()
    assert not required(found["operator"])
    assert not wanted.items() <= found["operator"]["template"]["metadata"]["labels"].items()


def test_with_sqlite_the_old_pod_ends_before_the_new_one_starts() -> None:
    found = deployments()
    assert [found[part]["strategy"] for part in MOUNTING] == [{"type": "Recreate"}, {"type": "Recreate"}]


def test_with_postgres_there_is_neither() -> None:
    found = deployments(*POSTGRES)
    for part in MOUNTING:
        assert found[part]["strategy"]["type"] == "RollingUpdate"
        assert "affinity" not in found[part]["template"]["spec"]
        assert "pawl.dev/database" not in found[part]["template"]["metadata"]["labels"]


def test_the_users_affinity_stays_beside_it() -> None:
    theirs = {
        "nodeAffinity": {
            REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}
        },
        "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []},
    }
    found = deployments("--set-json", f"monitor.affinity={json.dumps(theirs)}")
    affinity = found["monitor"]["template"]["spec"]["affinity"]
    assert affinity.keys() == {"nodeAffinity", "podAffinity"}
    assert affinity["nodeAffinity"] == theirs["nodeAffinity"]
    assert affinity["podAffinity"].keys() == {REQUIRED, "preferredDuringSchedulingIgnoredDuringExecution"}


@pytest.mark.parametrize("part", MOUNTING)
def test_a_second_required_term_is_refused_as_it_could_keep_both_pending(part: str) -> None:
    theirs = json.dumps({"podAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname"}]}})
    arguments = ["--set-json", f"{part}.affinity={theirs}"]
    error = template(*arguments, expect=1)
    assert f"{part}.affinity.podAffinity.{REQUIRED}" in error
    assert "database.existingSecret.name" in error
    assert required(deployments(*arguments, *POSTGRES)[part]) == [{"topologyKey": "kubernetes.io/hostname"}]
