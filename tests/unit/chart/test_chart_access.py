"""Who may do what to the Leases, and who may reach the pods."""

import json
from typing import Any

import pytest
from helm import objects, template

APPLICATIONS = {"matchLabels": {"team": "shop"}}
PROMETHEUS = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}


def lease_rules(rendered: list[dict[str, Any]], kind: str, name: str) -> list[dict[str, Any]]:
    [role] = [one for one in rendered if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return [rule for rule in role["rules"] if rule["resources"] == ["leases"]]


@pytest.mark.parametrize("part", ["operator", "monitor"])
def test_a_process_reads_and_writes_the_lease_that_it_is_told_and_no_other(part: str) -> None:
    rendered = objects("--set", "fullnameOverride=other")
    [spec] = [
        one["spec"]["template"]["spec"]
        for one in rendered
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", f"other-{part}")
    ]
    told = {variable["name"]: variable.get("value") for variable in spec["containers"][0]["env"]}
    create, rest = lease_rules(rendered, "Role", f"other-{part}-lease")
    assert create["verbs"] == ["create"]
    assert (rest["verbs"], rest["resourceNames"]) == (["get", "update"], [told["PAWL_LEASE_NAME"]])


@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
def test_claims_on_routes_need_no_patch(kind: str) -> None:
    scope = ["--set", "watchNamespaces={demo}"] if kind == "Role" else []
    [rule] = lease_rules(objects(*scope), kind, "pawl-operator")
    assert sorted(rule["verbs"]) == ["create", "delete", "get", "list", "update", "watch"]


def reached_from(**lists: list[dict[str, Any]]) -> dict[str, Any]:
    """Part -> whom its NetworkPolicy lets in: a list of namespace selectors, None for all."""
    values = json.dumps({"enabled": True, **lists})
    policies = [one for one in objects("--set-json", f"networkPolicy={values}") if one["kind"] == "NetworkPolicy"]
    found = {}
    for one in policies:
        [rule] = one["spec"]["ingress"]
        assert rule["ports"] == [{"port": "http"}]
        peers = rule.get("from")
        part = one["metadata"]["labels"]["app.kubernetes.io/component"]
        own = [{"podSelector": {"matchLabels": operator_labels(one)}}] if part == "assigner" and peers else []
        # The operator asks every assigner what it assigns, whatever the lists say.
        assert [peer for peer in peers or [] if "namespaceSelector" not in peer] == own
        found[part] = None if peers is None else [p["namespaceSelector"] for p in peers if "namespaceSelector" in p]
    return found


def operator_labels(policy: dict[str, Any]) -> dict[str, str]:
    return policy["spec"]["podSelector"]["matchLabels"] | {"app.kubernetes.io/component": "operator"}


def test_without_lists_everybody_reaches_the_port() -> None:
    assert reached_from() == {"operator": None, "collector": None, "monitor": None, "assigner": None}


def test_who_reads_metrics_reaches_every_part_and_applications_the_collector_only() -> None:
    assert reached_from(collectorFrom=[APPLICATIONS], metricsFrom=[PROMETHEUS]) == {
        "operator": [PROMETHEUS],
        "collector": [APPLICATIONS, PROMETHEUS],
        "monitor": [PROMETHEUS],
        "assigner": None,
    }


def test_gateways_and_applications_reach_the_assigner() -> None:
    gateways = {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}
    found = reached_from(assignerFrom=[gateways, APPLICATIONS], metricsFrom=[PROMETHEUS])
    assert found["assigner"] == [gateways, APPLICATIONS, PROMETHEUS]
    assert found["collector"] is None


def test_metrics_alone_leave_the_collector_open_to_applications() -> None:
    assert reached_from(metricsFrom=[PROMETHEUS]) == {
        "operator": [PROMETHEUS],
        "collector": None,
        "monitor": [PROMETHEUS],
        "assigner": None,
    }


@pytest.mark.parametrize("name", ["collectorFrom", "assignerFrom"])
def test_shutting_prometheus_out_by_naming_applications_is_refused(name: str) -> None:
    values = json.dumps({"enabled": True, name: [APPLICATIONS]})
    assert "networkPolicy.metricsFrom" in template("--set-json", f"networkPolicy={values}", expect=1)
