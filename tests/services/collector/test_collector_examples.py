"""`GET /v1/examples` of the running collector: who may ask, what an example is, in which order and from when on."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from collector_process import CollectorProcess, token_of
from polling import wait_until
from records import feedback, interaction

from pawl.client import PawlClient

COMPONENT = "fact-extraction"
SECONDS = 60
FACT = [{"slot": "city", "start": 11, "end": 15}]


def lines(reader: httpx.Client, **asked: str) -> list[dict[str, Any]]:
    """What is streamed out."""
    answer = reader.get("/v1/examples", params={"component": COMPONENT, **asked})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def talk(tenant, *labels: dict[str, Any], **changes: Any) -> str:
    """One interaction with what was said of it."""
    sent = interaction(**changes)
    assert tenant.client.post("/v1/interactions", json=sent).status_code == 200
    for label in labels:
        assert tenant.client.post("/v1/feedback", json=feedback(sent["id"], **label)).status_code == 200
    return str(sent["id"])


def correction(truth: object, **changes: Any) -> dict[str, Any]:
    return {"kind": "correction", "value": {"truth": truth}, **changes}


CONFIRMED = {"kind": "confirmation", "value": {}}


def test_a_labelled_interaction_is_an_example_with_all_its_parts(tenant):
    identifier = talk(tenant, correction(FACT))
    talk(tenant)
    talk(tenant, {"kind": "thumbs", "value": {"up": True}})
    (line,) = lines(tenant.reader)
    labelled = datetime.fromisoformat(line.pop("labelledAt"))
    assert timedelta() <= datetime.now(UTC) - labelled < timedelta(minutes=5)
    assert len(line.pop("user")) == 32
    sent = interaction()
    assert line == {
        "interaction": identifier,
        "time": "2026-11-23T10:00:00.000000Z",
        "input": sent["input"],
        "output": sent["output"],
        "truth": FACT,
        "kind": "correction",
        "revision": "0123456789",
    }


def test_the_last_word_is_the_truth_and_an_interaction_is_one_example(tenant):
    late, early = "2026-11-23T12:00:00Z", "2026-11-23T11:00:00Z"
    talk(tenant, correction([1], time=late), correction([2], time=early), output=[0])
    talk(tenant, correction([1], time=early), {**CONFIRMED, "time": late}, output=[0])
    assert [(line["truth"], line["kind"]) for line in lines(tenant.reader)] == [
        ([1], "correction"),
        ([0], "confirmation"),
    ]


def test_the_component_says_which_labels_count(tenant):
    talk(tenant, CONFIRMED, output=["shown"])
    talk(tenant, {"kind": "thumbs", "value": {"up": True}}, output=["liked"])
    talk(tenant, {"kind": "thumbs", "value": {"up": False}}, output=["not"])
    talk(tenant, correction(["given"]))
    found = [line["truth"] for line in lines(tenant.reader, labels="thumbs:Shown,correction:Given,confirmation:None")]
    assert found == [["liked"], ["given"]]
    assert lines(tenant.reader, labels="thumbs:None") == []


def test_who_does_not_allow_it_is_never_in_a_data_set(tenant, collector: CollectorProcess):
    with PawlClient(collector.address, token_of(tenant.name), COMPONENT) as client:
        for number, allowed in enumerate((True, False, True)):
            said = client.log_interaction(
                user="u", input=number, output=[], metadata={"n": number}, **({} if allowed else {"training": False})
            )
            client.feedback(said, "correction", {"truth": [number]})
        assert client.flush(SECONDS)
        assert client.stats().rejected == 0
    assert sorted(line["input"] for line in lines(tenant.reader)) == [0, 2]


def test_what_proves_nothing_may_teach(tenant):
    talk(tenant, {"kind": "correction", "value": {"truth": FACT, "release_evidence": False}})
    assert [line["truth"] for line in lines(tenant.reader)] == [FACT]


def test_windows_that_follow_each_other_hold_every_example_once(tenant):
    cuts: list[str] = []
    for number in range(3):
        for part in range(4):
            talk(tenant, correction([part]), input=10 * number + part)
        answer = tenant.reader.get("/v1/examples", params={"component": COMPONENT})
        cuts.append(answer.headers["x-pawl-until"])
    windows = zip(["2026-01-01T00:00:00Z", *cuts], [*cuts, "2099-01-01T00:00:00Z"], strict=True)
    found = [[line["input"] for line in lines(tenant.reader, after=after, until=until)] for after, until in windows]
    assert found == [[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23], []]
    assert [line["input"] for line in lines(tenant.reader)] == [n for window in found for n in window]


def test_the_same_window_is_the_same_data_set_whatever_comes_later(tenant):
    identifier = talk(tenant, correction([1]))
    until = tenant.reader.get("/v1/examples", params={"component": COMPONENT}).headers["x-pawl-until"]
    before = lines(tenant.reader, until=until)
    later = correction([2], time="2026-11-24T10:00:00Z")
    assert tenant.client.post("/v1/feedback", json=feedback(identifier, **later)).status_code == 200
    assert lines(tenant.reader, until=until) == before
    assert [line["truth"] for line in lines(tenant.reader)] == [[2]]
    assert [line["truth"] for line in lines(tenant.reader, after=until)] == [[2]]


def test_until_is_never_later_than_what_is_in(tenant):
    answer = tenant.reader.get("/v1/examples", params={"component": COMPONENT, "until": "2099-01-01T00:00:00Z"})
    assert datetime.fromisoformat(answer.headers["x-pawl-until"]) <= datetime.now(UTC) + timedelta(minutes=1)


def test_examples_are_of_one_tenant_and_one_component(tenant, other_tenant):
    talk(tenant, correction([1]))
    talk(tenant, correction([2]), component="trust")
    talk(other_tenant, correction([3]))
    assert [line["truth"] for line in lines(tenant.reader)] == [[1]]
    assert [line["truth"] for line in lines(tenant.reader, component="trust")] == [[2]]


def test_feedback_that_came_before_its_interaction_is_an_example_once_both_are_there(tenant):
    sent = interaction()
    label = feedback(sent["id"], **correction([1]))
    assert tenant.client.post("/v1/feedback", json=label).status_code == 200
    between = tenant.reader.get("/v1/examples", params={"component": COMPONENT}).headers["x-pawl-until"]
    assert tenant.client.post("/v1/interactions", json=sent).status_code == 200
    assert lines(tenant.reader, until=between) == []
    assert [line["truth"] for line in lines(tenant.reader)] == [[1]]


def test_writing_and_reading_are_different_keys(tenant):
    asked = {"component": COMPONENT}
    for answer in (
        tenant.client.get("/v1/examples", params=asked),
        tenant.reader.post("/v1/interactions", json=interaction()),
        tenant.reader.post("/v1/feedback", json=feedback(interaction()["id"])),
    ):
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert "roles" in answer.json()["remedy"]
    bare = httpx.get(f"{tenant.client.base_url}/v1/examples", params=asked)
    assert bare.status_code == 401


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("component", "Fact Extraction"),
        ("after", "2026-11-23"),
        ("after", "2026-11-23T10:00:00"),
        ("until", "1795428000"),
        ("labels", "correction"),
        ("labels", "applause:Given"),
        ("untill", "2026-11-23T10:00:00Z"),
    ],
)
def test_a_wrong_parameter_is_named(tenant, name: str, value: str):
    answer = tenant.reader.get("/v1/examples", params={"component": COMPONENT, name: value})
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["value"]) == (name, value)


def test_who_goes_away_in_the_middle_leaves_the_place_to_others(tenant, collector: CollectorProcess):
    for _ in range(3):
        batch = [interaction(input="x" * 900_000) for _ in range(8)]
        labels = [feedback(one["id"], **correction([1])) for one in batch]
        assert tenant.client.post("/v1/interactions", json={"interactions": batch}).status_code == 200
        assert tenant.client.post("/v1/feedback", json={"feedback": labels}).status_code == 200
    # As many as may be at once: a place that was not given back would be missing for ever.
    for _ in range(2):
        with tenant.reader.stream("GET", "/v1/examples", params={"component": COMPONENT}) as answer:
            assert answer.status_code == 200
            next(answer.iter_bytes())
    wait_until(lambda: len(lines_or_none(tenant.reader) or []) == 24, SECONDS)
    assert collector.get("/readyz").text == "ok"


def lines_or_none(reader: httpx.Client) -> list[dict[str, Any]] | None:
    """What is streamed out, or nothing while all places are taken."""
    answer = reader.get("/v1/examples", params={"component": COMPONENT})
    assert answer.status_code in {200, 429}
    return [json.loads(line) for line in answer.text.splitlines()] if answer.status_code == 200 else None
