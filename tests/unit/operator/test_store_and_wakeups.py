"""The store keeps the newest trimmed body of each object; a change wakes exactly those who care."""

from datetime import UTC, datetime
from typing import Any

from pawl_operator.kinds.conditions import RECONCILED, with_condition, without_condition
from pawl_operator.kube.resources import (
    COMPONENTS,
    DEPLOYMENTS,
    EXPERIMENTS,
    HTTP_ROUTES,
    LEASES,
    PODS,
    ROLLOUTS,
    Ref,
    Resource,
)
from pawl_operator.store import ObjectStore, trim
from pawl_operator.traffic.claim import claim_body, claim_ref, read_claim
from pawl_operator.wakeups import keys_for


def body(name: str, version: int, uid: str = "", **extra: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "demo", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": meta | extra.pop("metadata", {}), **extra}


def rollout(name: str, route: str = "chat", rule: str = "infer") -> dict[str, Any]:
    return body(name, 1, spec={"component": "facts", "routeRef": {"name": route, "ruleName": rule}})


def test_older_news_never_replaces_newer() -> None:
    store = ObjectStore()
    assert store.put(ROLLOUTS, body("a", 5))
    assert not store.put(ROLLOUTS, body("a", 5))
    assert not store.put(ROLLOUTS, body("a", 4))
    assert store.put(ROLLOUTS, body("a", 10))
    assert store.get(Ref(ROLLOUTS, "demo", "a"))["metadata"]["resourceVersion"] == "10"


def test_a_recreated_object_replaces_its_namesake_whatever_the_version() -> None:
    store = ObjectStore()
    store.put(ROLLOUTS, body("a", 50))
    assert store.put(ROLLOUTS, body("a", 9, uid="new"))


def test_a_deleted_object_does_not_come_back_by_late_news() -> None:
    store = ObjectStore()
    store.put(ROLLOUTS, body("a", 5))
    store.remove(ROLLOUTS, body("a", 6))
    assert not store.put(ROLLOUTS, body("a", 7))
    assert store.get(Ref(ROLLOUTS, "demo", "a")) is None
    assert store.put(ROLLOUTS, body("a", 8, uid="second life"))


def test_listing_by_namespace_and_label() -> None:
    store = ObjectStore()
    store.put(PODS, body("p1", 1, metadata={"labels": {"pawl.dev/rollout": "a"}}))
    store.put(PODS, body("p2", 1, metadata={"labels": {"pawl.dev/rollout": "b"}}))
    assert [b["metadata"]["name"] for b in store.list(PODS, "demo", {"pawl.dev/rollout": "a"})] == ["p1"]
    assert store.list(PODS, "elsewhere") == []
    assert store.count() == len(store.list(PODS)) == 2


def test_bodies_are_trimmed_without_touching_the_original() -> None:
    raw = body(
        "r",
        1,
        metadata={
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{...}", "mine": "1"},
            "managedFields": [
                {"manager": "kubectl-edit", "operation": "Update", "time": "t2", "fieldsV1": {"f": 1}},
                {"manager": "gateway", "operation": "Update", "time": "t3", "subresource": "status"},
            ],
        },
    )
    route = trim(HTTP_ROUTES, raw)
    assert route["metadata"]["annotations"] == {"mine": "1"}
    assert "managedFields" not in route["metadata"]
    assert "fieldsV1" in raw["metadata"]["managedFields"][0]
    pod = trim(PODS, body("p", 1, spec={"containers": ["big"]}, status={"phase": "Running", "podIP": "10.0.0.1"}))
    assert "spec" not in pod
    assert pod["status"] == {"phase": "Running"}


def woken(resource: Resource, changed: dict[str, Any], *rollouts: dict[str, Any]) -> set[str]:
    store = ObjectStore()
    for item in rollouts:
        store.put(ROLLOUTS, item)
    return {key.name for key in keys_for(resource, changed, store)}


def test_pods_and_deployments_wake_the_rollout_of_their_label() -> None:
    labelled = body("x", 1, metadata={"labels": {"pawl.dev/rollout": "a"}})
    assert woken(PODS, labelled) == woken(DEPLOYMENTS, labelled) == {"a"}
    assert woken(PODS, body("x", 1)) == set()


def test_a_route_wakes_all_rollouts_that_name_it() -> None:
    found = woken(HTTP_ROUTES, body("chat", 1), rollout("a"), rollout("b", rule="other"), rollout("c", route="else"))
    assert found == {"a", "b"}


def test_a_claim_and_a_departing_rollout_wake_those_who_wait_for_the_rule() -> None:
    lease = body(claim_ref("demo", "chat", "infer").name, 1)
    others = (rollout("a"), rollout("b"), rollout("c", rule="other"))
    assert woken(LEASES, lease, *others) == {"a", "b"}
    assert woken(ROLLOUTS, rollout("a"), *others) == {"a", "b"}


def test_a_component_wakes_itself_and_its_rollouts_and_other_kinds_only_themselves() -> None:
    assert woken(COMPONENTS, body("facts", 1), rollout("a")) == {"facts", "a"}
    assert woken(EXPERIMENTS, body("e", 1), rollout("a")) == {"e"}


def test_a_claim_is_free_when_its_holder_is_gone() -> None:
    ref = claim_ref("demo", "chat", "infer")
    lease = claim_body(None, ref, "a", "uid-a", {"uid": "uid-a"}, datetime.now(UTC))
    assert read_claim(lease, "uid-a", lambda *_: True).held
    lost = read_claim(lease, "uid-b", lambda name, uid: (name, uid) == ("a", "uid-a"))
    assert (lost.held, lost.holder) == (False, "Rollout/a")
    assert read_claim(lease, "uid-b", lambda *_: False).holder is None
    assert read_claim(None, "uid-b", lambda *_: True).holder is None


def test_claim_names_are_valid_and_tell_rules_apart() -> None:
    names = {
        claim_ref("demo", route, rule).name for route in ("a", "a-b", "x" * 253) for rule in ("b-c", "c", "y" * 253)
    }
    assert len(names) == 9
    assert all(len(name) <= 253 and name == name.lower() for name in names)


def test_every_change_is_told_and_nothing_else() -> None:
    heard: list[Resource] = []
    store = ObjectStore(heard.append)
    store.put(ROLLOUTS, body("a", 5))
    store.put(ROLLOUTS, body("a", 5))
    store.remove(ROLLOUTS, body("b", 5))
    assert heard == [ROLLOUTS]
    store.remove(ROLLOUTS, body("a", 6))
    assert heard == [ROLLOUTS, ROLLOUTS]


def test_a_condition_that_no_longer_holds_is_taken_away() -> None:
    status = with_condition({}, "Accepted", "True", "Valid", "fine", generation=1, now=datetime.now(UTC))
    failed = with_condition(status, RECONCILED, "False", "Forbidden", "no", generation=1, now=datetime.now(UTC))
    assert [item["type"] for item in failed["conditions"]] == ["Accepted", RECONCILED]
    assert without_condition(failed, RECONCILED) == status
    assert without_condition({}, RECONCILED) == {}


def test_a_condition_keeps_its_time_while_its_value_stays() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    first = with_condition({}, "Accepted", "True", "Valid", "fine", generation=1, now=early)
    again = with_condition(first, "Accepted", "True", "Valid", "fine", generation=2, now=late)
    other = with_condition(again, "Accepted", "False", "Bad", "no", generation=3, now=late)
    times = [status["conditions"][0]["lastTransitionTime"] for status in (first, again, other)]
    assert times == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"]
