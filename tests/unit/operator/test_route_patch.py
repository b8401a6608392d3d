"""The patch of a route rule: what we write, and everything of other people's that must stay as it is."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl_operator.kinds.rollout.actions import Backend, PatchRoute
from pawl_operator.kinds.rollout.route_target import matches
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.traffic.filters import Mark, marked, read_marks, unmarked
from pawl_operator.traffic.httproute import Ownership, patch_for, read_state

OURS = Ownership("chat")
STABLE, CANDIDATE = Backend("aaaaaaaaaa", "chat-aaaaaaaaaa"), Backend("bbbbbbbbbb", "chat-bbbbbbbbbb")


def route(backends: list[dict[str, Any]], filters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"name": "infer", "backendRefs": backends}
    if filters is not None:
        rule["filters"] = filters
    other = {"name": "other", "backendRefs": [{"name": "chat-aaaaaaaaaa", "port": 80}]}
    return {
        "metadata": {"name": "r", "namespace": "demo", "resourceVersion": "7", "generation": 3},
        "spec": {"parentRefs": [{"name": "gw"}], "rules": [other, rule]},
    }


def wanted(weight: int, *, mirror: int = 0, candidate: Backend | None = CANDIDATE, step: int = 1) -> PatchRoute:
    return PatchRoute(candidate, STABLE, weight, release=4, step=step, mirror_percent=mirror)


def patched(found: dict[str, Any], wish: PatchRoute, ownership: Ownership = OURS) -> dict[str, Any]:
    """Apply the patch the way the API server does (only what we emit: test, add, remove below a rule)."""
    result = copy.deepcopy(found)
    for op in patch_for(found, "infer", wish, ownership):
        parts = op["path"].strip("/").split("/")
        target: Any = result
        for part in parts[:-1]:
            target = target[int(part)] if part.isdigit() else target[part]
        if op["op"] == "test":
            assert target[parts[-1]] == op["value"]
        elif op["op"] == "remove":
            del target[parts[-1]]
        else:
            target[parts[-1]] = op["value"]
    return result


def own(state: RouteState) -> RouteState:
    """As if the marks named the Rollout that looks: `OURS` has no uid."""
    return replace(state, backends=tuple(replace(entry, own_mark=True) for entry in state.backends))


def shape(found: dict[str, Any]) -> list[tuple[str, int]]:
    return [(entry["name"], entry.get("weight", 1)) for entry in found["spec"]["rules"][1]["backendRefs"]]


def test_a_release_is_candidate_then_stable_with_marks_on_both() -> None:
    rule = patched(route([]), wanted(25))["spec"]["rules"][1]
    headers = [
        {"name": "x-pawl-arm", "value": "candidate"},
        {"name": "x-pawl-revision", "value": "bbbbbbbbbb"},
        {"name": "x-pawl-release", "value": "4"},
        {"name": "x-pawl-step", "value": "1"},
    ]
    assert rule["backendRefs"][0] == {
        "group": "",
        "kind": "Service",
        "name": "chat-bbbbbbbbbb",
        "port": 80,
        "weight": 25,
        "filters": [
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": headers}},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": headers}},
        ],
    }
    assert [(e["name"], e["weight"]) for e in rule["backendRefs"]] == [("chat-bbbbbbbbbb", 25), ("chat-aaaaaaaaaa", 75)]


def test_outside_a_release_stable_has_it_all_in_both_places() -> None:
    """A cluster that is made or dropped while users are sent to it loses requests, so both last."""
    alone = patched(route([]), wanted(0, candidate=None))
    assert shape(alone) == [("chat-aaaaaaaaaa", 1), ("chat-aaaaaaaaaa", 999_999)]
    state = read_state(alone, "infer", OURS)
    assert state is not None
    assert [(entry.service, entry.arm) for entry in state.ours] == [("chat-aaaaaaaaaa", "stable")]
    assert state.candidate_share(STABLE.revision) == 100
    assert not state.leads


def test_stable_alone_may_lead_in_the_first_place_and_is_told_apart_there() -> None:
    wish = wanted(100, candidate=None)
    alone = patched(patched(route([]), replace(wanted(100), plain=True)), wish)
    assert shape(alone) == [("chat-aaaaaaaaaa", 999_999), ("chat-aaaaaaaaaa", 1)]
    state = read_state(alone, "infer", OURS)
    assert state is not None
    assert state.leads
    assert not state.cold_second
    assert matches(own(state), wish)
    assert not matches(own(state), wanted(0, candidate=None))


@pytest.mark.parametrize(("weight", "written"), [(0, (1, 999_999)), (1, (1, 99)), (99, (99, 1)), (100, (999_999, 1))])
def test_an_arm_without_traffic_is_kept_warm_and_its_share_reads_as_meant(
    weight: int, written: tuple[int, int]
) -> None:
    found = patched(route([]), wanted(weight))
    assert tuple(entry[1] for entry in shape(found)) == written
    state = read_state(found, "infer", OURS)
    assert state is not None
    assert state.candidate_share(CANDIDATE.revision) == weight
    assert not state.cold_second


def test_all_traffic_reads_100_and_0_where_stable_may_go_cold() -> None:
    wish = replace(wanted(100), plain=True)
    found = patched(patched(route([]), wanted(100)), wish)
    assert shape(found) == [("chat-bbbbbbbbbb", 100), ("chat-aaaaaaaaaa", 0)]
    state = read_state(found, "infer", OURS)
    assert state is not None
    assert state.cold_second
    assert matches(own(state), wish)
    assert matches(own(state), wanted(100)), "how 100 percent is written is no drift"
    assert patch_for(found, "infer", wish, OURS) == []


def test_a_rule_that_says_it_already_is_not_patched() -> None:
    once = patched(route([]), wanted(25, mirror=50))
    assert patch_for(once, "infer", wanted(25, mirror=50), OURS) == []


def test_the_patch_tests_version_and_rule_and_touches_nothing_else() -> None:
    ops = patch_for(route([]), "infer", wanted(25), OURS)
    assert ops[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    assert ops[1] == {"op": "test", "path": "/spec/rules/1/name", "value": "infer"}
    assert [op["path"] for op in ops[2:]] == ["/spec/rules/1/backendRefs"]


def test_a_missing_rule_is_an_error_not_a_new_rule() -> None:
    with pytest.raises(LookupError, match="nowhere"):
        patch_for(route([]), "nowhere", wanted(10), OURS)
    assert read_state(route([]), "nowhere", OURS) is None


STRANGER = {
    "name": "legacy",
    "port": 8080,
    "weight": 30,
    "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}],
}


def test_strangers_keep_place_filters_and_share() -> None:
    """Ours had 90 of 120: a quarter belongs to the stranger before, during and after."""
    found = route([{"name": STABLE.service, "port": 80, "weight": 90}, STRANGER])
    during = patched(found, wanted(10))
    backends = during["spec"]["rules"][1]["backendRefs"]
    assert shape(during) == [(CANDIDATE.service, 90), (STABLE.service, 810), ("legacy", 300)]
    assert backends[2] == STRANGER | {"weight": 300}
    after = patched(patched(during, wanted(50)), wanted(0, candidate=None))
    assert shape(after) == [(STABLE.service, 1), (STABLE.service, 999_899), ("legacy", 333_300)]


def test_beside_a_stranger_with_nearly_all_of_the_rule_no_place_is_called_cold() -> None:
    """One part for an arm without traffic would be too much there, so places go cold, and nobody waits for warmth."""
    found = route([{"name": STABLE.service, "port": 80, "weight": 100}, STRANGER | {"weight": 1_000_000}])
    for wish in (wanted(0, candidate=None), wanted(10), wanted(100), replace(wanted(100), plain=True), wanted(0)):
        found = patched(found, wish)
        state = read_state(found, "infer", OURS)
        assert state is not None
        assert not state.warmable
        assert (state.cold_first, state.cold_second) == (False, False)
        assert matches(own(state), wish)
        assert sum(weight for name, weight in shape(found) if name != "legacy") == 100
        assert shape(found)[-1] == ("legacy", 1_000_000)


@pytest.mark.parametrize("held", [999_999, 999_899, 101, 150_001])
def test_a_share_beside_a_stranger_that_whole_percents_do_not_divide_stays_nearly_what_it_was(held: int) -> None:
    """999,999 is a number that we write ourselves: somebody who removes our kept place leaves it there."""
    found = route([{"name": STABLE.service, "port": 80, "weight": held}, STRANGER | {"weight": 1_000_000}])
    ours = sum(weight for name, weight in shape(patched(found, wanted(10))) if name != "legacy")
    assert abs(ours - held) <= 50


def test_a_rule_with_one_place_has_no_second_that_could_be_used() -> None:
    state = read_state(route([{"name": STABLE.service, "port": 80, "weight": 100}]), "infer", OURS)
    assert state is not None
    assert state.cold_second
    assert not state.cold_first
    assert state.leads


def test_a_stranger_with_the_default_weight_keeps_half() -> None:
    found = route([{"name": STABLE.service, "port": 80}, {"name": "legacy", "port": 80}])
    assert shape(patched(found, wanted(25))) == [(CANDIDATE.service, 25), (STABLE.service, 75), ("legacy", 100)]


def test_weights_beyond_the_api_limit_are_never_written() -> None:
    found = route([{"name": STABLE.service, "port": 80, "weight": 999_983}, {"name": "legacy", "weight": 999_979}])
    assert all(weight <= 1_000_000 for _, weight in shape(patched(found, wanted(25))))


def test_filters_that_people_put_on_our_backends_stay_and_new_arms_inherit_them() -> None:
    own = [
        {
            "type": "RequestHeaderModifier",
            "requestHeaderModifier": {"set": [{"name": "x-team", "value": "a"}], "remove": ["x-b"]},
        },
        {"type": "URLRewrite", "urlRewrite": {"hostname": "model"}},
    ]
    found = route([{"name": STABLE.service, "port": 80, "weight": 1, "filters": own}])
    rule = patched(found, wanted(25))["spec"]["rules"][1]
    for entry in rule["backendRefs"]:
        assert unmarked(entry["filters"]) == own
    assert read_marks(rule["backendRefs"][0]["filters"])["arm"] == "candidate"
    # A header modifier may stand on a backend only once.
    kinds = [entry["type"] for entry in rule["backendRefs"][0]["filters"]]
    assert sorted(kinds) == ["RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite"]


def test_mirrors_to_both_arms_come_and_go_and_strangers_mirrors_stay() -> None:
    theirs = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}
    found = route([{"name": STABLE.service, "port": 80}], filters=[theirs])
    during = patched(found, wanted(10, mirror=40))
    filters = during["spec"]["rules"][1]["filters"]
    assert filters[0] == theirs
    assert [(f["requestMirror"]["backendRef"]["name"], f["requestMirror"]["percent"]) for f in filters[1:]] == [
        (CANDIDATE.service, 40),
        (STABLE.service, 40),
    ]
    state = read_state(during, "infer", OURS)
    assert state is not None
    assert [(m.service, m.percent) for m in state.mirrors] == [(CANDIDATE.service, 40), (STABLE.service, 40)]
    after = patched(during, wanted(0, candidate=None))
    assert after["spec"]["rules"][1]["filters"] == [theirs]


def test_the_filters_list_vanishes_with_our_last_mirror() -> None:
    during = patched(route([]), wanted(10, mirror=40))
    assert "filters" not in patched(during, wanted(0, candidate=None))["spec"]["rules"][1]


def test_services_of_people_are_arms_when_the_spec_says_so() -> None:
    ownership = Ownership("chat", ("blue", "green"))
    found = route([{"name": "blue", "port": 8080, "weight": 1}, {"name": "legacy", "port": 1, "weight": 0}])
    wish = PatchRoute(Backend("bbbbbbbbbb", "green"), Backend("aaaaaaaaaa", "blue"), 10, release=1, step=1)
    entries = patched(found, wish, ownership)["spec"]["rules"][1]["backendRefs"]
    assert [(e["name"], e["port"], e["weight"]) for e in entries] == [
        ("green", 8080, 10),
        ("blue", 8080, 90),
        ("legacy", 1, 0),
    ]


def test_requests_are_mirrored_to_the_ports_of_the_arms() -> None:
    ownership = Ownership("chat", ("blue", "green"))
    found = route([{"name": "blue", "port": 8080}, {"name": "blue", "namespace": "else", "port": 1, "weight": 0}])
    wish = PatchRoute(
        Backend("bbbbbbbbbb", "green"), Backend("aaaaaaaaaa", "blue"), 10, release=1, step=1, mirror_percent=5
    )
    filters = patched(found, wish, ownership)["spec"]["rules"][1]["filters"]
    targets = [entry["requestMirror"]["backendRef"] for entry in filters]
    assert [(target["name"], target["port"]) for target in targets] == [("green", 8080), ("blue", 8080)]


def with_status(found: dict[str, Any], generations: list[int], accepted: str = "True") -> dict[str, Any]:
    conditions = lambda at: [  # noqa: E731
        {"type": "Accepted", "status": accepted, "observedGeneration": at, "message": "no such listener"},
        {"type": "ResolvedRefs", "status": "True", "observedGeneration": at},
    ]
    return found | {
        "status": {"parents": [{"parentRef": {"name": "gw"}, "conditions": conditions(at)} for at in generations]}
    }


@pytest.mark.parametrize(
    ("generations", "accepted", "programmed"),
    [([3], "True", True), ([2], "True", False), ([3], "False", False), ([], "True", False), ([3, 2], "True", False)],
)
def test_a_route_is_programmed_when_every_parent_says_so_for_this_generation(
    generations: list[int], accepted: str, programmed: bool
) -> None:
    state = read_state(with_status(patched(route([]), wanted(25)), generations, accepted), "infer", OURS)
    assert state is not None
    assert state.programmed is programmed
    if accepted == "False":
        assert state.message == "no such listener"


def test_a_parent_that_has_not_answered_at_all_is_not_overlooked() -> None:
    found = with_status(route([]), [3])
    found["spec"]["parentRefs"].append({"name": "second"})
    state = read_state(found, "infer", OURS)
    assert state is not None
    assert not state.programmed
    assert "1 of 2 parents" in state.message


def test_the_mark_of_an_earlier_rollout_of_the_same_name_is_not_our_own() -> None:
    first, second = Ownership("chat", uid="u1"), Ownership("chat", uid="u2")
    found = patched(route([]), wanted(25), first)
    seen = [read_state(found, "infer", owner) for owner in (first, second)]
    assert [[entry.own_mark for entry in state.ours] for state in seen if state] == [[True, True], [False, False]]
    assert [matches(state, wanted(25)) for state in seen if state] == [True, False]
    assert patch_for(found, "infer", wanted(25), first) == []
    assert shape(patched(found, wanted(25), second)) == shape(found)


def test_a_mark_on_which_request_and_response_disagree_is_no_mark() -> None:
    filters = marked([], Mark("u1", "stable", "aaaaaaaaaa", 0, 0))
    filters[1]["responseHeaderModifier"]["set"][1]["value"] = "candidate"
    assert "arm" not in read_marks(filters)
    assert read_marks(filters)["revision"] == "aaaaaaaaaa"


NAMES = st.sampled_from(["legacy", "green", "audit", STABLE.service, "chat", "chat-zzzz"])
ENTRIES = st.lists(
    st.fixed_dictionaries({"name": NAMES, "port": st.just(80)}, optional={"weight": st.integers(0, 1000)}),
    max_size=5,
    unique_by=lambda entry: entry["name"],
)


def test_beside_strangers_with_nearly_everything_an_arm_goes_cold_rather_than_take_their_share() -> None:
    found = route([{"name": STABLE.service, "weight": 1}, {"name": "legacy", "weight": 9_000}])
    assert shape(patched(found, wanted(0)))[0] == (CANDIDATE.service, 0)


@given(entries=ENTRIES, weights=st.lists(st.integers(0, 100), min_size=1, max_size=6))
def test_shares_are_exact_order_is_fixed_and_strangers_lose_nothing(
    entries: list[dict[str, Any]], weights: list[int]
) -> None:
    """Whatever stands on the rule, through any walk of weights."""
    found = route(entries)
    strangers = [entry["name"] for entry in entries if entry["name"] != STABLE.service]
    ours = sum(entry.get("weight", 1) for entry in entries if entry["name"] == STABLE.service)
    theirs = {entry["name"]: entry.get("weight", 1) for entry in entries if entry["name"] in strangers}
    for weight in weights:
        found = patched(found, wanted(weight))
        now = shape(found)
        assert [name for name, _ in now] == [CANDIDATE.service, STABLE.service, *strangers]
        state = read_state(found, "infer", OURS)
        assert state is not None
        assert state.candidate_share(CANDIDATE.revision) == weight
        if ours and any(theirs.values()):
            total, mine = sum(w for _, w in now), sum(w for _, w in now[:2])
            assert mine * (ours + sum(theirs.values())) == ours * total
