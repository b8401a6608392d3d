"""The weights of a step are read off the route's own backends, by the marks that they carry."""

from typing import Any

from pawl_examples.weights import Weights

Json = dict[str, Any]


def backend(arm: str, weight: int | None, release: int, step: int) -> Json:
    marks = {"x-pawl-arm": arm, "x-pawl-release": str(release), "x-pawl-step": str(step)}
    modifier = {"set": [{"name": name, "value": value} for name, value in marks.items()]}
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": modifier},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": modifier},
        {"type": "URLRewrite", "urlRewrite": {"hostname": "model"}},
    ]
    return {"name": arm, "filters": filters} | ({} if weight is None else {"weight": weight})


def route(*backends: Json) -> Json:
    return {"kind": "HTTPRoute", "spec": {"rules": [{"name": "other"}, {"name": "infer", "backendRefs": [*backends]}]}}


def test_weights_are_kept_by_release_and_step_in_their_order_and_once() -> None:
    weights = Weights()
    for pair in ((999_999, 1), (999_999, 1), (100, 0)):
        weights.feed(route(backend("candidate", pair[0], 2, 5), backend("stable", pair[1], 2, 5)))
    weights.feed(route(backend("candidate", None, 3, 1), backend("stable", 9, 3, 1), {"name": "stranger"}))
    assert weights.of(2, 5) == [(999_999, 1), (100, 0)]
    assert weights.of(3, 1) == [(1, 9)]
    assert weights.of(3, 2) == []


def test_a_route_without_a_candidate_tells_nothing() -> None:
    weights = Weights()
    weights.feed(route({"name": "legacy"}))
    weights.feed(route(backend("stable", 1, 2, 0), backend("stable", 999_999, 2, 0)))
    assert weights.of(2, 0) == []
