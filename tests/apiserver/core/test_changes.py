"""What may not change later, and what the API server does by the definitions alone: defaults, columns, names."""

from typing import Any

import pytest
from kube_client import ApiError, Object
from manifests import SMALLEST

from apiserver import ApiServer
from pawl.api.kinds import KINDS, Kind
from pawl.api.problems import problems_of
from pawl.api.rollout import Rollout

API = "pawl.dev/v1alpha1"
LATER = "2026-01-31T12:00:00Z"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

IMMUTABLE: list[tuple[str, dict[str, Any], str]] = [
    ("Rollout", {"component": "other"}, "spec.component"),
    ("Rollout", {"routeRef": {"ruleName": "other"}}, "spec.routeRef"),
    ("Rollout", {"routeRef": None, "flag": {"key": "facts"}}, "spec.routeRef"),
    ("Experiment", {"rolloutRef": {"name": "other"}}, "spec.rolloutRef"),
    ("Experiment", {"rolloutRef": None, "assignmentOnly": True}, "spec.assignmentOnly"),
    ("Experiment", {"mode": "Shadow"}, "spec.mode"),
    ("Experiment", {"unit": "Request"}, "spec.unit"),
    (
        "Experiment",
        {"variants": [*SMALLEST["Experiment"]["variants"][:1], {"name": "c", "role": "Treatment", "source": "none"}]},
        "spec.variants",
    ),
    ("TrainingRun", {"component": "other"}, "spec.component"),
    ("TrainingRun", {"managedBy": "kueue.x-k8s.io/multikueue"}, "spec.managedBy"),
    ("LearningLoop", {"component": "other"}, "spec.component"),
]
FROZEN_ONCE_STARTED: list[dict[str, Any]] = [
    {"seed": 7},
    {"trainer": "linear-tagger"},
    {"image": "trainer:2"},
    {"parameters": {"epochs": "3"}},
    {"engine": {"job": {"resources": {"limits": {"cpu": 2}}}}},
    {"gate": {"floor": "0.5"}},
    {"register": False},
]


def make(server: ApiServer, kind: str, namespace: str, **spec: object) -> Object:
    metadata = {"name": "facts", "namespace": namespace}
    return server.create({"apiVersion": API, "kind": kind, "metadata": metadata, "spec": SMALLEST[kind] | spec})


@pytest.mark.parametrize(("kind", "change", "field"), IMMUTABLE, ids=lambda value: str(value)[:40])
def test_immutable(kind: str, change: dict[str, Any], field: str, apiserver: ApiServer, namespace: str) -> None:
    make(apiserver, kind, namespace)
    with pytest.raises(ApiError) as refused:
        apiserver.patch(API, kind, "facts", {"spec": change}, namespace)
    assert field in refused.value.message
    assert "immutable" in refused.value.message
    assert "make a new" in refused.value.message


@pytest.mark.parametrize("change", FROZEN_ONCE_STARTED, ids=str)
def test_a_training_run_is_frozen_once_it_has_started(change: Object, apiserver: ApiServer, namespace: str) -> None:
    make(apiserver, "TrainingRun", namespace)
    apiserver.patch(API, "TrainingRun", "facts", {"spec": change}, namespace, dryRun="All")
    apiserver.patch(API, "TrainingRun", "facts", {"status": {"startedAt": LATER}}, namespace, subresource="status")
    with pytest.raises(ApiError, match="immutable once the run has started"):
        apiserver.patch(API, "TrainingRun", "facts", {"spec": change}, namespace)
    apiserver.patch(API, "TrainingRun", "facts", {"spec": {"suspend": True}}, namespace)


def test_status_is_a_subresource(apiserver: ApiServer, namespace: str) -> None:
    made = make(apiserver, "Rollout", namespace)
    status = {"status": {"phase": "Healthy"}}
    ignored = apiserver.patch(API, "Rollout", "facts", status, namespace)
    assert "phase" not in ignored.get("status", {})
    written = apiserver.patch(API, "Rollout", "facts", status, namespace, subresource="status")
    assert written["status"]["phase"] == "Healthy"
    assert written["metadata"]["generation"] == made["metadata"]["generation"]


def test_defaults_are_those_of_the_design(apiserver: ApiServer, namespace: str) -> None:
    spec = make(apiserver, "Rollout", namespace)["spec"]
    assert [(step["setWeight"], step["hold"]) for step in spec["steps"]] == [(w, "24h") for w in (10, 25, 50, 75, 100)]
    assert spec["bake"] == {"duration": "24h", "stableShare": 0}
    assert spec["serve"]["drain"] == "5s"
    assert spec["analysis"]["expectedUsers"] == 2000
    assert spec["analysis"]["hardLimits"]["errorRate"]["limit"] == "5%"
    assert (spec["deletionPolicy"], spec["stableCapacity"], spec["suspend"]) == ("Orphan", "Full", False)


def test_lists_with_keys_are_merged_by_key(apiserver: ApiServer, namespace: str) -> None:
    def with_env(name: str) -> Object:
        serve = {"image": "facts:1", "env": [{"name": name, "value": "1"}]}
        metadata = {"name": "facts", "namespace": namespace}
        return {
            "apiVersion": API,
            "kind": "Rollout",
            "metadata": metadata,
            "spec": SMALLEST["Rollout"] | {"serve": serve},
        }

    apiserver.apply(with_env("A"), manager="first")
    merged = apiserver.apply(with_env("B"), manager="second")
    assert {item["name"] for item in merged["spec"]["serve"]["env"]} == {"A", "B"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_discovery_offers_short_name_and_category(kind: Kind, apiserver: ApiServer) -> None:
    resources = {item["name"]: item for item in apiserver.request("GET", f"/apis/{API}")["resources"]}
    found = resources[kind.plural]
    assert (found["shortNames"], found["categories"]) == ([kind.short], ["pawl"])
    assert f"{kind.plural}/status" in resources


def test_columns_follow_a_release(apiserver: ApiServer, namespace: str) -> None:
    make(apiserver, "Rollout", namespace)
    status = {"phase": "Progressing", "verdict": "NoData", "traffic": {"verified": 25, "desired": 25}}
    apiserver.patch(API, "Rollout", "facts", {"status": status}, namespace, subresource="status")
    table = apiserver.request("GET", apiserver.path(API, "Rollout", namespace=namespace), accept=TABLE)
    shown = {c["name"]: cell for c, cell in zip(table["columnDefinitions"], table["rows"][0]["cells"], strict=True)}
    assert (shown["Phase"], shown["Weight"], shown["Verdict"]) == ("Progressing", 25, "NoData")
    assert list(shown)[:8] == ["Name", "Phase", "Step", "Weight", "Verdict", "Candidate", "Next", "Age"]


@pytest.mark.parametrize("number", ["1", 1.5, True, None])
def test_numbers_are_whole(number: object, apiserver: ApiServer, namespace: str) -> None:
    with pytest.raises(ApiError, match="setWeight"):
        make(apiserver, "Rollout", namespace, steps=[{"setWeight": number}])


def test_a_whole_number_that_was_written_as_a_float_reads_as_whole(apiserver: ApiServer, namespace: str) -> None:
    stored = make(apiserver, "Rollout", namespace, analysis={"expectedUsers": 1e6})
    assert Rollout.from_cluster(stored).spec.analysis.expected_users == 1_000_000


@pytest.mark.parametrize("users", [250000000.5, 99999999999.0, 100000000.4])
def test_both_have_the_same_tolerance(users: float, apiserver: ApiServer, namespace: str) -> None:
    def by_server() -> bool:
        try:
            make(apiserver, "Rollout", namespace, analysis={"expectedUsers": users})
        except ApiError:
            return False
        return True

    spec = SMALLEST["Rollout"] | {"analysis": {"expectedUsers": users}}
    document = {"apiVersion": API, "kind": "Rollout", "metadata": {"name": "facts"}, "spec": spec}
    assert (problems_of(document) == ()) == by_server()
