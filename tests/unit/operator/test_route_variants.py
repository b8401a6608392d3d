"""The rules of a trial on a route: what is added beside the rule, what follows it, and what stays untouched."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from pawl_operator.kinds.rollout.actions import PatchVariants, Variant
from pawl_operator.traffic.assigner_policy import (
    AssignerService,
    build_grant,
    build_policy,
    is_wanted,
    removes_header,
)
from pawl_operator.traffic.filters import mirror
from pawl_operator.traffic.httproute import Ownership
from pawl_operator.traffic.variants import patch_variants, read_variants

OURS = Ownership("chat", uid="rollout-uid")
TREATMENT = Variant(
    "treatment", "0f8fad5b-treatment", "chat-bbbbbbbbbb", "bbbbbbbbbb", "candidate", "experiment-uid", 1, 1
)
CONTROL = replace(
    TREATMENT,
    name="control",
    header="0f8fad5b-control",
    service="chat-aaaaaaaaaa",
    revision="aaaaaaaaaa",
    arm="stable",
)
BOTH = PatchVariants((TREATMENT, CONTROL))


def route(**rule: Any) -> dict[str, Any]:
    ours = {
        "name": "infer",
        "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}],
        "backendRefs": [{"group": "", "kind": "Service", "name": "chat-aaaaaaaaaa", "port": 8080, "weight": 1}],
        "timeouts": {"request": "5s"},
    }
    other = {"name": "infer-docs", "matches": [{"path": {"type": "Exact", "value": "/docs"}}], "backendRefs": []}
    return {
        "metadata": {"name": "r", "namespace": "demo", "resourceVersion": "7", "generation": 3},
        "spec": {"rules": [other, ours | rule]},
    }


def patched(found: dict[str, Any], wish: PatchVariants) -> dict[str, Any]:
    result = copy.deepcopy(found)
    for op in patch_variants(found, "infer", wish, OURS):
        parts = op["path"].strip("/").split("/")
        rules = result["spec"]["rules"]
        match op["op"], parts[-1]:
            case "test", _:
                assert parts == ["metadata", "resourceVersion"]
                assert op["value"] == result["metadata"]["resourceVersion"]
            case "add", "-":
                rules.append(op["value"])
            case "replace", place:
                rules[int(place)] = op["value"]
            case "remove", place:
                del rules[int(place)]
    return result


def names(found: dict[str, Any]) -> list[str]:
    return [rule["name"] for rule in found["spec"]["rules"]]


def test_each_arm_gets_a_rule_that_matches_what_ours_does_and_the_header() -> None:
    found = patched(route(), BOTH)
    assert names(found) == ["infer-docs", "infer", "infer-treatment", "infer-control"]
    assert found["spec"]["rules"][:2] == route()["spec"]["rules"]
    treatment = found["spec"]["rules"][2]
    assert treatment["matches"] == [
        {
            "path": {"type": "PathPrefix", "value": "/v2"},
            "headers": [{"type": "Exact", "name": "x-pawl-variant", "value": "0f8fad5b-treatment"}],
        }
    ]
    assert treatment["timeouts"] == {"request": "5s"}
    (backend,) = treatment["backendRefs"]
    assert (backend["name"], backend["port"], backend["weight"]) == ("chat-bbbbbbbbbb", 8080, 1)
    stamped = {item["name"]: item["value"] for item in backend["filters"][1]["responseHeaderModifier"]["set"]}
    assert stamped == {
        "x-pawl-rollout": "experiment-uid",
        "x-pawl-arm": "candidate",
        "x-pawl-revision": "bbbbbbbbbb",
        "x-pawl-release": "1",
        "x-pawl-step": "1",
    }


def test_what_is_on_the_route_is_read_back_as_it_was_wanted() -> None:
    found = patched(route(), BOTH)
    assert [state.variant for state in read_variants(found, "infer", OURS)] == [TREATMENT, CONTROL]
    assert all(state.follows for state in read_variants(found, "infer", OURS))
    assert patch_variants(found, "infer", BOTH, OURS) == []


def test_a_rule_of_somebody_else_with_such_a_name_is_never_touched() -> None:
    found = patched(patched(route(), BOTH), PatchVariants())
    assert found["spec"]["rules"] == route()["spec"]["rules"]


def test_going_home_changes_only_what_is_behind_the_rules() -> None:
    home = tuple(
        replace(v, service=CONTROL.service, revision=CONTROL.revision, arm="stable", owner="rollout-uid", step=0)
        for v in BOTH.variants
    )
    before = patched(route(), BOTH)
    found = patched(before, PatchVariants(home))
    assert names(found) == names(before)
    assert [rule["matches"] for rule in found["spec"]["rules"]] == [rule["matches"] for rule in before["spec"]["rules"]]
    assert {rule["backendRefs"][0]["name"] for rule in found["spec"]["rules"][2:]} == {"chat-aaaaaaaaaa"}


def test_variants_follow_what_people_change_in_the_rule() -> None:
    found = patched(route(), BOTH)
    found["spec"]["rules"][1]["matches"] = [
        {"path": {"type": "Exact", "value": "/a"}, "headers": [{"type": "Exact", "name": "x-lang", "value": "en"}]},
        {"path": {"type": "Exact", "value": "/b"}},
    ]
    found["spec"]["rules"][1]["timeouts"] = {"request": "9s"}
    assert not any(state.follows for state in read_variants(found, "infer", OURS))
    again = patched(found, BOTH)
    assert all(state.follows for state in read_variants(again, "infer", OURS))
    matches = again["spec"]["rules"][2]["matches"]
    assert [[header["name"] for header in match["headers"]] for match in matches] == [
        ["x-lang", "x-pawl-variant"],
        ["x-pawl-variant"],
    ]


def test_a_rule_without_matches_is_met_by_everything_and_so_are_its_variants() -> None:
    found = route()
    del found["spec"]["rules"][1]["matches"]
    built = patched(found, BOTH)["spec"]["rules"][2]
    assert built["matches"][0]["path"] == {"type": "PathPrefix", "value": "/"}


def test_copies_go_to_the_other_arm_and_other_peoples_filters_stay() -> None:
    own = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-a", "value": "1"}]}}
    found = route(filters=[own, mirror("shadow-of-others", 80, 5), mirror("chat-aaaaaaaaaa", 80, 100)])
    paired = PatchVariants((replace(TREATMENT, mirror_service=CONTROL.service, mirror_percent=40),))
    built = patched(found, paired)["spec"]["rules"][2]
    assert built["filters"] == [own, mirror("shadow-of-others", 80, 5), mirror("chat-aaaaaaaaaa", 8080, 40)]


def test_a_route_without_the_rule_is_an_error_and_reads_as_nothing() -> None:
    with pytest.raises(LookupError, match="no rule named 'chat'"):
        patch_variants(route(), "chat", BOTH, OURS)
    assert read_variants(route(), "chat", OURS) == ()


SERVICE = AssignerService("pawl-system", "pawl-assigner", 8080)


def policy(header: str = "x-user-id") -> dict[str, Any]:
    return build_policy("demo", "chat", "r", "infer", header, SERVICE, {"kind": "Rollout"})


def test_the_policy_asks_the_assigner_for_one_rule_and_lets_requests_through_without_it() -> None:
    spec = policy()["spec"]
    assert spec["targetRefs"][0]["sectionName"] == "infer"
    asked = spec["extAuth"]
    assert (asked["failOpen"], asked["recomputeRoute"], asked["headersToExtAuth"]) == (True, True, ["x-user-id"])
    assert asked["http"]["path"] == "/check/demo/chat"
    assert asked["http"]["headersToBackend"] == ["x-pawl-variant"]


def test_a_policy_is_as_wanted_whatever_was_filled_in_beside() -> None:
    live = copy.deepcopy(policy())
    live["spec"]["extAuth"]["http"]["backendRefs"][0]["weight"] = 1
    live["spec"]["extAuth"]["statusOnError"] = 403
    assert is_wanted(live, policy())
    assert not is_wanted(live, policy("x-account"))
    assert not is_wanted(None, policy())


def test_a_grant_is_needed_only_across_namespaces() -> None:
    grant = build_grant("demo", SERVICE)
    assert grant is not None
    assert grant["metadata"]["namespace"] == "pawl-system"
    assert grant["spec"]["from"][0]["namespace"] == "demo"
    assert build_grant("pawl-system", SERVICE) is None


@pytest.mark.parametrize(
    ("spec", "removed"),
    [
        ({"targetRefs": [{"kind": "Gateway", "name": "gw"}]}, False),
        ({"targetRefs": [{"kind": "Gateway", "name": "gw"}], "headers": {}}, False),
        (
            {
                "targetRefs": [{"kind": "Gateway", "name": "gw"}],
                "headers": {"earlyRequestHeaders": {"remove": ["X-Pawl-Variant"]}},
            },
            True,
        ),
        (
            {
                "targetRefs": [{"kind": "Gateway", "name": "gw", "sectionName": "https"}],
                "headers": {"earlyRequestHeaders": {"remove": ["x-pawl-variant"]}},
            },
            False,
        ),
        (
            {
                "targetRef": {"kind": "Gateway", "name": "other"},
                "headers": {"earlyRequestHeaders": {"remove": ["x-pawl-variant"]}},
            },
            False,
        ),
    ],
)
def test_a_gateway_takes_the_header_away_only_if_a_policy_on_all_of_it_says_so(
    spec: dict[str, Any], removed: bool
) -> None:
    assert removes_header([{"spec": spec}], "gw") is removed
