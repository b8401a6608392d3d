"""What the collector answers to good and to bad requests."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from collector_process import LIMITED_TOKEN, CollectorProcess
from records import feedback, interaction, prediction

from pawl_services.db.tables import feedback as feedback_table
from pawl_services.db.tables import interactions, predictions

JSON = {"Content-Type": "application/json"}


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Every error has the same shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail", "remedy"} <= problem.keys()
    return dict(problem)


def test_an_interaction_is_stored_with_all_it_came_with(tenant):
    sent = interaction(metadata={"app": "crt"}, predictions=[{"component": "trust", "output": 0.5, "revision": "r1"}])
    answer = tenant.client.post("/v1/interactions", json={"interactions": [sent]})
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 1, "duplicates": 0}
    (row,) = tenant.rows(interactions)
    assert row["id"] == sent["id"]
    assert row["user"] != sent["user"]
    assert len(str(row["user"])) == 32
    assert row["time"] == 1_795_428_000_000_000
    assert (row["input"], row["output"], row["raw"]) == (sent["input"], sent["output"], {"metadata": {"app": "crt"}})
    assert (row["latency_ms"], row["confidence"], row["session"]) == (12.5, 0.9, "s1")
    assert (row["revision"], row["arm"], row["release"], row["step"]) == ("0123456789", "candidate", 3, 2)
    (log,) = tenant.rows(predictions)
    assert (log["interaction"], log["component"], log["output"], log["source"]) == (sent["id"], "trust", 0.5, "Client")
    assert log["received_at"] == row["received_at"]


def test_one_record_needs_no_batch(tenant):
    sent = interaction()
    assert tenant.client.post("/v1/interactions", json=sent).json() == {"accepted": 1, "duplicates": 0}
    assert tenant.client.post("/v1/feedback", json=feedback(sent["id"])).json()["accepted"] == 1
    assert tenant.client.post("/v1/predictions", json=prediction(sent["id"])).json()["accepted"] == 1
    assert [len(tenant.rows(table)) for table in (interactions, feedback_table, predictions)] == [1, 1, 1]


def test_a_refusal_to_be_learned_from_is_stored_and_nothing_else(tenant):
    for given in ({"training": False}, {"training": False, "metadata": {"app": "crt"}}, {"training": True}):
        assert tenant.client.post("/v1/interactions", json=interaction(**given)).status_code == 200
    stored = [row["raw"] for row in tenant.rows(interactions)]
    wanted = [{"training": False}, {"metadata": {"app": "crt"}, "training": False}, None]
    assert all(raw in stored for raw in wanted)


def test_what_the_application_does_not_know_may_be_left_out(tenant):
    sent = interaction()
    least = {name: sent[name] for name in ("id", "component", "user", "time", "input", "output")}
    assert tenant.client.post("/v1/interactions", json=least).status_code == 200
    (row,) = tenant.rows(interactions)
    assert (row["revision"], row["arm"], row["release"], row["raw"]) == (None, None, None, None)


def test_an_empty_batch_is_nothing(tenant):
    assert tenant.client.post("/v1/feedback", json={"feedback": []}).json() == {"accepted": 0, "duplicates": 0}


def test_gzip_is_unpacked(tenant):
    body = gzip.compress(json.dumps({"interactions": [interaction() for _ in range(50)]}).encode())
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert tenant.client.post("/v1/interactions", content=body, headers=headers).json()["accepted"] == 50


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic dXNlcjpwYXNz", "Bearer", "Bearer \u00e9"])
def test_without_a_known_key_nobody_writes(collector: CollectorProcess, authorization: str):
    headers = {"Authorization": authorization.encode()} if authorization else {}
    answer = httpx.post(f"{collector.address}/v1/interactions", json=interaction(), headers=headers)
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_for_some_components_is_refused_for_others(collector: CollectorProcess):
    headers = {"Authorization": f"Bearer {LIMITED_TOKEN}"}
    address = f"{collector.address}/v1/interactions"
    problem = assert_problem(httpx.post(address, json=interaction(), headers=headers), 403)
    assert problem["field"] == "component"
    assert httpx.post(address, json=interaction(component="trust"), headers=headers).status_code == 200
    labels = httpx.post(f"{collector.address}/v1/feedback", json=feedback(interaction()["id"]), headers=headers)
    assert "whole tenant" in assert_problem(labels, 403)["remedy"]


def test_a_large_body_is_refused_by_its_declared_length(tenant):
    body = b'{"interactions":[' + b" " * (9 * 2**20) + b"]}"
    assert_problem(tenant.client.post("/v1/interactions", content=body, headers=JSON), 413)


def test_a_large_body_is_refused_while_it_streams(tenant):
    def stream() -> Iterator[bytes]:
        yield b'{"interactions":['
        for _ in range(9 * 16):
            yield b" " * 2**16

    assert_problem(tenant.client.post("/v1/interactions", content=stream(), headers=JSON), 413)


def test_a_small_body_that_unpacks_large_is_refused(tenant):
    bomb = gzip.compress(b" " * (200 * 2**20), mtime=0)
    headers = {**JSON, "Content-Encoding": "gzip"}
    assert_problem(tenant.client.post("/v1/interactions", content=bomb, headers=headers), 413)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {**JSON, "Content-Encoding": "br"}, 415),
        (b"not gzip", {**JSON, "Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-4], {**JSON, "Content-Encoding": "gzip"}, 400),
        (b"{", JSON, 422),
        (b"", JSON, 422),
        (b"[]", JSON, 422),
        (b'"\xff"', JSON, 422),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(tenant, body: bytes, headers: dict[str, str], status: int):
    assert_problem(tenant.client.post("/v1/interactions", content=body, headers=headers), status)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("id", "not-a-uuid", "id"),
        ("id", 7, "id"),
        ("component", "Fact Extraction", "component"),
        ("component", "", "component"),
        ("user", "", "user"),
        ("user", "x" * 513, "user"),
        ("user", "a\u0000b", "user"),
        ("user", None, "user"),
        ("time", "2026-11-23T10:00:00", "time"),
        ("time", 1_795_428_000, "time"),
        ("time", "1999-12-31T23:59:59Z", "time"),
        ("latencyMs", -1, "latencyMs"),
        ("latencyMs", "12", "latencyMs"),
        ("release", 2**31, "release"),
        ("release", 10**30, "release"),
        ("release", 1.5, "release"),
        ("step", -1, "step"),
        ("confidence", 1.01, "confidence"),
        ("revision", "a b", "revision"),
        ("arm", "x" * 64, "arm"),
        ("session", "s\u0000", "session"),
        ("input", {"text": "\u0000"}, "input"),
        ("output", ["x" * 2**20], "output"),
        ("metadata", [], "metadata"),
        ("training", "no", "training"),
        ("predictions", [{"component": "trust", "output": 1}], "predictions[0].revision"),
        ("surname", "Lovelace", "surname"),
    ],
)
def test_a_bad_field_is_named(tenant, name: str, value: object, field: str):
    batch = {"interactions": [interaction(), interaction(**{name: value})]}
    problem = assert_problem(tenant.client.post("/v1/interactions", json=batch), 422)
    assert problem["field"] == f"interactions[1].{field}"
    assert problem["errors"][0]["field"] == problem["field"]
    assert len(json.dumps(problem)) < 5000
    alone = tenant.client.post("/v1/interactions", json=batch["interactions"][1])
    assert assert_problem(alone, 422)["field"] == field
    assert tenant.rows(interactions) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "applause"},
        {"kind": "correction", "value": {}},
        {"kind": "thumbs", "value": {"up": "yes"}},
        {"value": []},
        {"interaction": "x"},
    ],
)
def test_bad_feedback_is_refused(tenant, changes: dict[str, object]):
    assert_problem(tenant.client.post("/v1/feedback", json=feedback(interaction()["id"], **changes)), 422)


def test_a_batch_is_bounded(tenant):
    batch = {"feedback": [feedback(interaction()["id"]) for _ in range(1001)]}
    assert assert_problem(tenant.client.post("/v1/feedback", json=batch), 422)["field"] == "feedback"


def test_unknown_paths_and_methods_answer_alike(tenant):
    assert_problem(tenant.client.get("/v1/nothing"), 404)
    assert_problem(tenant.client.get("/v1/interactions"), 405)


def test_health_and_metrics(tenant):
    assert tenant.client.get("/livez").text == "ok"
    assert tenant.client.get("/readyz").text == "ok"
    tenant.client.post("/v1/interactions", json=interaction())
    text = tenant.client.get("/metrics").text
    assert 'pawl_collector_records_total{kind="interactions",outcome="accepted"}' in text
    assert 'pawl_http_requests_total{code="200",method="POST",route="/v1/interactions"}' in text


def test_the_interface_describes_itself(tenant):
    document = tenant.client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/v1/interactions", "/v1/feedback", "/v1/predictions", "/v1/examples"}
    asked = {one["name"]: one["required"] for one in document["paths"]["/v1/examples"]["get"]["parameters"]}
    assert asked == {"component": True, "after": False, "until": False, "labels": False}
    schemas = document["components"]["schemas"]
    assert "latencyMs" in schemas["SentInteraction"]["properties"]
    body = document["paths"]["/v1/feedback"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"$ref": "#/components/schemas/SentFeedback"} in body["anyOf"]
