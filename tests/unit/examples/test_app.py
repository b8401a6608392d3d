"""The application speaks OIP, counts by the gateway's headers, and logs what was shown and said."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from pawl.client import PawlClient
from pawl_examples import app
from pawl_examples.app import Application, Settings, found, question, row_of
from pawl_examples.ledger import Ledger, Row
from pawl_examples.replay import Said
from pawl_trainers.facts.messages import Message
from pawl_trainers.facts.spans import Fact

FACTS = [{"slot": "HOBBY", "start": 7, "end": 13, "value": "soccer", "confidence": 0.9}]
HEADERS = {"x-pawl-arm": "candidate", "x-pawl-revision": "abc", "x-pawl-release": "3", "x-pawl-step": "2"}


class Collector:
    """Takes what the client sends."""

    def __init__(self) -> None:
        self.taken: dict[str, list[dict[str, Any]]] = {"interactions": [], "feedback": []}
        self.client = PawlClient(
            "http://collector", "key", "fact-extraction", transport=httpx.MockTransport(self._take)
        )

    def _take(self, request: httpx.Request) -> httpx.Response:
        for kind, records in json.loads(request.content).items():
            self.taken[kind] += records
        return httpx.Response(200, json={"accepted": 1, "duplicates": 0})


class Awaited(Ledger):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self._missing, self.full = rows, asyncio.Event()

    def add(self, row: Row) -> None:
        super().add(row)
        self._missing -= 1
        if self._missing == 0:
            self.full.set()


def answered(request: httpx.Request) -> httpx.Response:
    outputs = [{"name": "facts", "shape": [1], "datatype": "BYTES", "data": [json.dumps(FACTS)]}]
    return httpx.Response(200, json={"outputs": outputs}, headers=HEADERS)


def said(at: float, facts: frozenset[Fact] | None) -> Said:
    return Said(at, Message("c", 0, 0, "ann", datetime(2018, 5, 1, tzinfo=UTC), "I play soccer"), facts, True)


async def replayed(
    monkeypatch: pytest.MonkeyPatch, handler: Callable[[httpx.Request], httpx.Response], messages: list[Said]
) -> tuple[Ledger, Collector, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def transport(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return handler(request)

    client = httpx.AsyncClient
    monkeypatch.setattr(
        app.httpx, "AsyncClient", lambda **_: client(transport=httpx.MockTransport(transport), timeout=5)
    )
    ledger, kept = Awaited(len(messages)), Collector()
    application = Application(Settings("http://gateway", "facts.example"), kept.client, ledger)
    running = asyncio.create_task(application.run())
    application.begin("a", messages)
    async with asyncio.timeout(5):
        await ledger.full.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert kept.client.close()
    return ledger, kept, asked


async def test_a_message_is_asked_counted_logged_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = frozenset({Fact(7, 13, "HOBBY")})
    ledger, kept, asked = await replayed(monkeypatch, answered, [said(0, truth), said(0.01, None)])
    assert [row.arm for row in ledger.rows()] == ["candidate", "candidate"]
    assert (ledger.rows()[0].release, ledger.rows()[0].step, ledger.rows()[0].user) == (3, 2, "ann")
    assert asked[0].headers["host"] == "facts.example"
    assert asked[0].headers["x-user-id"] == "ann"
    assert json.loads(asked[0].content) == question("I play soccer")
    [first, _] = kept.taken["interactions"]
    assert (first["output"], first["input"]) == (FACTS, {"text": "I play soccer"})
    assert (first["revision"], first["arm"], first["release"], first["step"]) == ("abc", "candidate", 3, 2)
    assert [(one["kind"], one["interaction"]) for one in kept.taken["feedback"]] == [("confirmation", first["id"])]
    assert asked[0].headers["x-pawl-interaction-id"] == first["id"]


async def test_what_is_lost_is_counted_and_never_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        if len(broken_calls) == 0:
            broken_calls.append(1)
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(503, text="no healthy upstream", headers=HEADERS)

    broken_calls: list[int] = []
    ledger, kept, _ = await replayed(monkeypatch, broken, [said(0, None), said(0.01, None)])
    assert sorted(row.status for row in ledger.rows()) == [0, 503]
    assert kept.taken["interactions"] == []


def test_an_answer_of_another_shape_is_refused() -> None:
    for body in ({}, {"outputs": []}, {"outputs": [{"name": "facts", "data": ["no json"]}]}):
        with pytest.raises(ValueError):
            found(httpx.Response(200, json=body))


def test_headers_that_are_absent_or_odd_count_as_none() -> None:
    row = row_of(httpx.Response(200, headers={"x-pawl-step": "x"}), "a", "ann", 0.0)
    assert (row.arm, row.release, row.step) == ("", 0, 0)
