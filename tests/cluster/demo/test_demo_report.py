"""The demo ends as it says, and its report holds what the releases went through."""

from collections.abc import Callable
from typing import Any

import pytest

from pawl_examples.pace import Times

Json = dict[str, Any]
WEIGHTS = [10, 25, 50, 75, 100]
WARM = [999_999, 1]
TIMES = Times()
FROM_EVIDENCE = ("t2-t1", TIMES.scrape + TIMES.interval + 5)
FROM_CRASH = ("t2-t0", 10.0)


@pytest.fixture
def releases(report: Json) -> dict[str, Json]:
    return {release["scenario"]: release for release in report["releases"]}


def test_every_release_ended_as_said(report: Json) -> None:
    assert [(r["scenario"], r["problems"]) for r in report["releases"]] == [(key, []) for key in "abcde"]
    assert report["asSaid"]
    assert report["exitCode"] == 0


def test_the_twin_passed_every_step_and_none_without_a_pass(releases: dict[str, Json]) -> None:
    steps = releases["a"]["steps"]
    assert [step["weight"] for step in steps.values()] == WEIGHTS
    assert [step["verdict"] for step in steps.values()] == ["Pass"] * len(WEIGHTS)


def test_every_weight_was_seen_on_the_route(releases: dict[str, Json], figure: Callable[[str], None]) -> None:
    steps, shares = releases["a"]["steps"], releases["a"]["shares"]
    people = (f"{share['candidate_people']} of {share['people']}" for share in shares.values())
    figure(f"HashedBucket: asked {WEIGHTS} %, people on the candidate {', '.join(people)}")
    assert [step["verifiedWeight"] for step in steps.values()] == WEIGHTS
    on_route = [step["onRoute"] for step in steps.values()]
    figure(f"HTTPRoute: {on_route}")
    assert on_route == [*([[weight, 100 - weight]] for weight in WEIGHTS[:-1]), [WARM, [100, 0]]]


def test_metrics_were_said_to_be_unavailable_while_prometheus_was_down(releases: dict[str, Json]) -> None:
    assert "Unavailable" in releases["a"]["steps"]["2"]["verdicts"]


@pytest.mark.parametrize("key", ["a", "b", "d", "e"])
def test_nothing_was_lost(releases: dict[str, Json], key: str, figure: Callable[[str], None]) -> None:
    sent = sum(share["requests"] for share in releases[key]["shares"].values())
    figure(f"release {key}: {releases[key]['requestsLost']} requests lost, {sent} answered in its steps")
    assert releases[key]["requestsLost"] == 0


@pytest.mark.parametrize(
    ("key", "causes"),
    [("b", {"HarmProven"}), ("c", {"CrashLoop", "NotReady"}), ("d", {"HarmProven"}), ("e", {"HarmProven"})],
)
def test_bad_versions_were_taken_back_for_the_right_reason(
    releases: dict[str, Json], key: str, causes: set[str]
) -> None:
    assert releases[key]["state"] == "RolledBack"
    assert releases[key]["rollback"]["cause"] in causes
    assert {"t1", "t2"} <= releases[key]["rollback"].keys()


@pytest.mark.parametrize(
    ("key", "promise"), [("b", FROM_EVIDENCE), ("c", FROM_CRASH), ("d", FROM_EVIDENCE), ("e", FROM_EVIDENCE)]
)
def test_the_way_back_took_no_longer_than_promised(
    releases: dict[str, Json], key: str, promise: tuple[str, float], figure: Callable[[str], None]
) -> None:
    """By the stamps that the product itself gives: first harm, first evidence, route seen back at stable."""
    span, most = promise
    seconds = releases[key]["timing"][span]
    assert seconds is not None
    figure(f"release {key}: {span} {seconds:.1f} s, promised within {most:g} s")
    assert 0 <= seconds <= most


def test_golden_scores_are_those_of_models_and_not_of_silence(report: Json) -> None:
    golden = {model["name"]: model for model in report["models"]}
    assert 0.30 < golden["linear-tagger"]["f1"] < 0.50
    assert golden["linear-tagger"]["lower"] < golden["linear-tagger"]["f1"] < golden["linear-tagger"]["upper"]
    assert golden["groundcheck-rules"]["f1"] < golden["linear-tagger"]["lower"]


def test_as_many_people_as_there_are(report: Json) -> None:
    assert report["numbers"]["labelled"] <= 193
