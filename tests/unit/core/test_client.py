"""The client never blocks or fails the application, keeps within bounds, and gives up nothing it could deliver."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polling import wait_until

from pawl.client import ClientLimits, PawlClient, new_interaction_id, served_by
from pawl.client import sender as sender_module

SECONDS = 20.0
LIMITS = ClientLimits(linger=0.01)
TOKEN = "token"
OK = httpx.Response(200, json={"accepted": 1, "duplicates": 0})
Answer = Callable[[httpx.Request], httpx.Response]


class FakeCollector:
    """Answers by `answer` and remembers what it answered 200 to."""

    def __init__(self, answer: Answer = lambda _: OK) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.taken: list[dict[str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answer(request)
        if answer.status_code == 200:
            (records,) = json.loads(request.content).values()
            self.taken += records
        return answer

    def client(self, limits: ClientLimits = LIMITS, token: str | Path = TOKEN) -> PawlClient:
        return PawlClient("http://c/", token, "facts", limits, httpx.MockTransport(self))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(sender_module, "LAST_PAUSE", 0.01)


def in_turn(*statuses: int) -> Answer:
    """These answers one after the other, then 200."""
    left: Iterator[int] = iter(statuses)
    return lambda _: httpx.Response(next(left, 200), json={"detail": "why"})


def test_a_refusal_to_be_learned_from_is_said_and_nothing_else():
    collector = FakeCollector()
    with collector.client() as client:
        client.log_interaction(user="u", input=1, output=[])
        client.log_interaction(user="u", input=2, output=[], training=False)
        assert client.flush(SECONDS)
    assert [record.get("training") for record in collector.taken] == [None, False]


def test_records_arrive_as_they_were_given():
    collector = FakeCollector()
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with collector.client() as client:
        identity = client.log_interaction(
            user="ada", input={"t": "x"}, output=[1], time=when, latency_ms=3.5, metadata={"a": 1},
            **served_by(
                {
                    "x-pawl-revision": "r1",
                    "x-pawl-arm": "stable",
                    "x-pawl-rollout": "u1",
                    "x-pawl-release": "4",
                    "x-pawl-step": "2",
                }
            ),
        )  # fmt: skip
        said = client.feedback(identity, "thumbs", {"up": True}, time=when)
        assert client.flush(SECONDS)
        assert client.stats() == replace(client.stats(), queued=0, sent=2, dropped=0, rejected=0, retries=0)
    first, second = collector.taken
    assert first["id"] == identity
    assert (first["component"], first["user"], first["input"], first["output"]) == ("facts", "ada", {"t": "x"}, [1])
    assert (first["time"], first["latencyMs"], first["metadata"]) == ("2026-01-02T03:04:05+00:00", 3.5, {"a": 1})
    assert (first["revision"], first["arm"], first["release"], first["step"]) == ("r1", "stable", 4, 2)
    assert first["rollout"] == "u1"
    assert (second["id"], second["interaction"], second["kind"], second["value"]) == (
        said,
        identity,
        "thumbs",
        {"up": True},
    )
    assert all(request.headers["authorization"] == "Bearer token" for request in collector.requests)


def test_many_records_share_a_request():
    collector = FakeCollector()
    with collector.client(ClientLimits(linger=30.0, batch_items=100)) as client:
        for number in range(250):
            client.log_interaction(user="u", input=number, output=None)
        assert client.flush(SECONDS)
    assert [record["input"] for record in collector.taken] == list(range(250))
    assert len(collector.requests) <= 5


def test_later_changes_by_the_application_are_not_sent():
    collector = FakeCollector()
    value = {"text": "before"}
    with collector.client() as client:
        client.log_interaction(user="u", input=value, output=None)
        value["text"] = "after"
    assert collector.taken[0]["input"] == {"text": "before"}


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 504])
def test_what_can_pass_is_tried_again(status: int):
    collector = FakeCollector(in_turn(status, status))
    with collector.client() as client:
        client.log_interaction(user="u", input=1, output=2)
        assert client.flush(SECONDS)
        stats = client.stats()
    assert (stats.sent, stats.retries, stats.dropped, stats.rejected) == (1, 2, 0, 0)
    assert stats.last_error == f"{status} why"
    assert len({json.loads(request.content)["interactions"][0]["id"] for request in collector.requests}) == 1


def test_an_unreachable_collector_is_tried_again():
    failures = iter([httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])

    def answer(_: httpx.Request) -> httpx.Response:
        if (failure := next(failures, None)) is not None:
            raise failure
        return OK

    collector = FakeCollector(answer)
    with collector.client() as client:
        client.log_interaction(user="u", input=1, output=2)
        assert client.flush(SECONDS)
        assert (client.stats().sent, client.stats().retries) == (1, 3)


@pytest.mark.parametrize("status", [400, 403, 413, 422, 500, 507])
def test_one_bad_record_costs_only_itself(status: int):
    def answer(request: httpx.Request) -> httpx.Response:
        bad = any(record["input"] == "bad" for record in json.loads(request.content)["interactions"])
        return httpx.Response(status, json={"detail": "bad"}) if bad else OK

    collector = FakeCollector(answer)
    with collector.client(ClientLimits(linger=30.0)) as client:
        for number in range(20):
            client.log_interaction(user="u", input="bad" if number == 7 else number, output=None)
        assert client.flush(SECONDS)
        assert (client.stats().sent, client.stats().rejected) == (19, 1)
        assert client.stats().last_rejection == f"{status} bad"
    assert len(collector.taken) == 19


@pytest.mark.parametrize("status", [403, 500])
def test_an_error_that_stays_is_given_up(status: int):
    collector = FakeCollector(lambda _: httpx.Response(status, json={"detail": "why"}))
    with collector.client() as client:
        client.log_interaction(user="u", input=1, output=2)
        assert client.flush(SECONDS)
        assert (client.stats().rejected, client.stats().last_rejection) == (1, f"{status} why")
    assert len(collector.requests) == sender_module.ATTEMPTS


@pytest.mark.parametrize("status", [403, 500])
def test_a_whole_batch_that_is_refused_costs_few_requests_for_each_record(status: int):
    collector = FakeCollector(lambda _: httpx.Response(status))
    with collector.client(ClientLimits(linger=30.0)) as client:
        for number in range(64):
            client.log_interaction(user="u", input=number, output=None)
        assert client.flush(SECONDS)
        assert client.stats().rejected == 64
    assert len(collector.requests) <= 2 * 64 + sender_module.ATTEMPTS


def test_a_wrong_key_costs_no_record_however_long_it_stays_wrong():
    collector = FakeCollector(in_turn(*[401] * 20))
    with collector.client() as client:
        client.log_interaction(user="u", input=1, output=2)
        assert client.flush(SECONDS)
        stats = client.stats()
    assert (stats.sent, stats.retries, stats.rejected, stats.last_rejection) == (1, 20, 0, "")


def test_a_full_queue_drops_and_counts_and_does_not_wait():
    gate = threading.Event()

    def answer(_: httpx.Request) -> httpx.Response:
        gate.wait(SECONDS)
        return OK

    collector = FakeCollector(answer)
    client = collector.client(ClientLimits(queue_items=10, linger=0.0))
    for _ in range(50):
        client.log_interaction(user="u", input=1, output=2)
    assert client.stats().dropped == 40
    assert client.stats().queued == 10
    assert not client.flush(0.01)
    gate.set()
    assert client.flush(SECONDS)
    assert client.stats().sent == 10
    client.close()


def test_the_queue_is_bounded_in_bytes():
    collector = FakeCollector()
    with collector.client(ClientLimits(queue_bytes=1000, linger=30.0)) as client:
        client.log_interaction(user="u", input="x" * 2000, output=None)
        assert client.stats().dropped == 1


def test_closing_while_the_collector_is_away_ends_soon_and_counts_the_loss():
    collector = FakeCollector(lambda _: httpx.Response(503))
    client = collector.client()
    client.log_interaction(user="u", input=1, output=2)
    wait_until(lambda: client.stats().retries > 0, SECONDS)
    assert client.close(0.05) is False
    client.log_interaction(user="u", input=1, output=2)
    wait_until(lambda: client.stats().dropped == 2, SECONDS)
    assert client.stats().queued == 0


@pytest.mark.parametrize("value", [object(), {"a": {1, lambda: 0}}, type("Odd", (), {"__slots__": ()})()])
def test_a_value_without_json_is_dropped_and_counted(value: object):
    collector = FakeCollector()
    with collector.client() as client:
        assert client.log_interaction(user="u", input=value, output=None)
        assert client.stats().dropped == 1
        client.log_interaction(user="u", input=1, output=None, time="yesterday")  # type: ignore[arg-type]
        assert client.stats().dropped == 2
        assert client.stats().last_error


def test_a_loop_in_the_data_is_dropped():
    loop: list[object] = []
    loop.append(loop)
    with FakeCollector().client() as client:
        client.log_interaction(user="u", input=loop, output=None)
        assert client.stats().dropped == 1


def test_what_the_collector_cannot_hold_is_mended():
    collector = FakeCollector()
    with collector.client() as client:
        client.log_interaction(
            user="a\x00b", input=["\ud800x", float("nan"), {"k\x00": float("inf")}], output="\\u0000"
        )
    assert collector.taken[0]["user"] == "a\ufffdb"
    assert collector.taken[0]["input"] == ["?x", None, {"k\ufffd": None}]
    assert collector.taken[0]["output"] == "\\u0000"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(JSON_VALUES, max_size=5))
def test_every_json_value_is_sent_and_none_breaks_the_body(values: list[object]):
    collector = FakeCollector()
    with collector.client() as client:
        for value in values:
            client.log_interaction(user="u", input=value, output=value)
        assert client.flush(SECONDS)
        assert client.stats().sent == len(values)
    for record in collector.taken:
        text = json.dumps(record, allow_nan=False)
        assert "\x00" not in json.loads(text)["user"]


def test_a_token_file_is_read_again(tmp_path: Path):
    path = tmp_path / "token"
    path.write_text("old\n")
    collector = FakeCollector(
        lambda request: OK if request.headers["authorization"] == "Bearer new" else httpx.Response(401)
    )
    with collector.client(token=path) as client:
        client.log_interaction(user="u", input=1, output=2)
        wait_until(lambda: client.stats().retries > 0, SECONDS)
        path.write_text("new\n")
        assert client.flush(SECONDS)
        assert client.stats().sent == 1


def test_a_token_file_that_holds_no_text_is_tried_again(tmp_path: Path):
    path = tmp_path / "token"
    path.write_bytes(b"\xff")
    with FakeCollector().client(token=path) as client:
        client.log_interaction(user="u", input=1, output=2)
        wait_until(lambda: client.stats().retries > 0, SECONDS)
        path.write_text("new")
        assert client.flush(SECONDS)
        assert client.stats().sent == 1


def test_a_missing_token_file_does_not_reach_the_application(tmp_path: Path):
    client = FakeCollector().client(token=tmp_path / "none")
    client.log_interaction(user="u", input=1, output=2)
    wait_until(lambda: client.stats().retries > 0, SECONDS)
    assert client.stats().last_error == "FileNotFoundError"
    client.close(0)


def test_ids_are_uuids_of_version_7_in_order_of_time():
    before = time.time_ns() // 1_000_000
    ids = [uuid.UUID(new_interaction_id()) for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 1000
    assert all(identity.version == 7 and identity.variant == uuid.RFC_4122 for identity in ids)
    stamps = [identity.int >> 80 for identity in ids]
    assert before <= stamps[0] <= stamps[-1] <= after
    assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({}, {}),
        ({"x-pawl-revision": "", "x-pawl-release": "x", "x-pawl-step": "-1"}, {}),
        ({"x-pawl-release": "\u00b2", "x-pawl-step": "9" * 30}, {}),
        ({"x-pawl-arm": "candidate", "x-pawl-step": "0"}, {"arm": "candidate", "step": 0}),
    ],
)
def test_headers_that_say_nothing_say_nothing(headers: dict[str, str], served: dict[str, object]):
    assert served_by(headers) == served
