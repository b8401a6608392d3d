"""Requests are admitted before their bodies are read, and why a model failed is in the log and not in the answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import structlog
from async_polling import eventually
from modelserver_process import INFER, NAME, REVISION, text_request
from prometheus_client import CollectorRegistry

from pawl_services.modelserver import body as body_module
from pawl_services.modelserver.app import Assembly, assemble
from pawl_services.modelserver.failures import SECONDS, FailureLog
from pawl_services.modelserver.runtime import PredictionError
from pawl_services.modelserver.settings import model_server_settings
from pawl_services.web.settings import load

MIRRORED = {"x-pawl-revision": "another"}


@asynccontextmanager
async def server(entrypoint: str = "echo", **chosen: str) -> AsyncIterator[tuple[Assembly, httpx.AsyncClient]]:
    values = {
        "PAWL_COMPONENT": NAME,
        "PAWL_REVISION": REVISION,
        "PAWL_RUNTIME": "python",
        "PAWL_ENTRYPOINT": f"model_entrypoints:{entrypoint}",
    }
    values |= {f"PAWL_{name.upper()}": value for name, value in chosen.items()}
    assembly = assemble(load(model_server_settings, values), CollectorRegistry(), lambda: None)
    transport = httpx.ASGITransport(app=assembly.app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://test")
    async with assembly.app.router.lifespan_context(assembly.app), client:
        await eventually(lambda: assembly.host.runtime is not None)
        yield assembly, client


class Upload:
    """A request whose body is held back until the test lets it go; `read` tells whether anybody asked for it."""

    def __init__(self, client: httpx.AsyncClient, declared: int | None = None, headers: Any = None) -> None:
        self.read = asyncio.Event()
        self.go = asyncio.Event()
        length = {} if declared is None else {"content-length": str(declared)}
        self.answer = asyncio.create_task(
            client.post(INFER, content=self._body(), headers={**(headers or {}), **length})
        )

    async def _body(self) -> AsyncIterator[bytes]:
        self.read.set()
        await self.go.wait()
        yield json.dumps(text_request("hello")).encode()


def assert_overloaded(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"] == answer.json()["detail"]


async def test_no_more_bodies_are_read_at_once_than_requests_may_be_at_work():
    async with server(max_active_requests="2") as (_, client):
        inside = [Upload(client), Upload(client)]
        for upload in inside:
            await upload.read.wait()
        third = Upload(client)
        assert_overloaded(await third.answer)
        assert not third.read.is_set()
        for upload in inside:
            upload.go.set()
        assert [(await upload.answer).status_code for upload in inside] == [200, 200]
        assert (await client.post(INFER, json=text_request("x"))).status_code == 200


@pytest.mark.parametrize("declared", [2000, None])
async def test_bodies_share_one_bound_of_bytes(declared):
    async with server(max_body_bytes="2000", max_active_bytes="3000") as (_, client):
        first = Upload(client, 2000)
        await first.read.wait()
        second = Upload(client, declared)
        assert_overloaded(await second.answer)
        assert not second.read.is_set()
        assert (await client.post(INFER, json=text_request("x"))).status_code == 200
        first.go.set()
        assert (await first.answer).status_code == 200


async def test_copies_leave_room_for_live_requests():
    async with server(max_active_requests="4") as (_, client):
        copies = [Upload(client, headers=MIRRORED) for _ in range(2)]
        for upload in copies:
            await upload.read.wait()
        assert_overloaded(await client.post(INFER, json=text_request("x"), headers=MIRRORED))
        assert (await client.post(INFER, json=text_request("x"))).status_code == 200
        for upload in copies:
            upload.go.set()
            assert (await upload.answer).status_code == 200


async def test_a_full_queue_refuses_before_the_body_is_read():
    async with server("slow", concurrency="1", queue="0") as (assembly, client):
        running = asyncio.create_task(client.post(INFER, json=text_request("x")))
        await eventually(lambda: assembly.pool.running == 1)
        late = Upload(client)
        assert_overloaded(await late.answer)
        assert not late.read.is_set()
        assert (await running).status_code == 200


async def test_a_body_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.05)
    async with server(max_active_requests="1") as (_, client):
        answer = await Upload(client).answer
        assert (answer.status_code, answer.headers["connection"]) == (408, "close")
        assert "did not arrive" in answer.json()["error"]
        assert (await client.post(INFER, json=text_request("x"))).status_code == 200


async def test_a_declared_length_past_the_limit_is_refused_unread():
    async with server(max_body_bytes="2000") as (_, client):
        upload = Upload(client, 2001)
        assert (await upload.answer).status_code == 413
        assert not upload.read.is_set()


async def test_why_a_prediction_failed_is_in_the_log_once_and_only_its_type_in_the_answer():
    broken = {"inputs": [{"name": "do", "shape": [1], "datatype": "BYTES", "data": ["raise"]}]}
    async with server("undeclared") as (_, client):
        with structlog.testing.capture_logs() as lines:
            answers = [await client.post(INFER, json=broken) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {500}
    assert answers[0].json()["error"] == "the model failed: predict raised ValueError"
    (line,) = [line for line in lines if line["event"] == "prediction failed"]
    assert (line["error"], str(line["exc_info"])) == ("ValueError", "a secret of the user")
    assert line["exc_info"].__traceback__ is not None


def test_tracebacks_are_rare_and_tell_how_many_were_held_back():
    now = 100.0
    log = FailureLog(lambda: now)

    def fail(cause: Exception | None) -> None:
        error = PredictionError("failed")
        error.__cause__ = cause
        log.failed(error)

    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            fail(ValueError("x"))
        fail(KeyError("y"))
        fail(None)
        now += SECONDS
        fail(ValueError("z"))
    assert [(line["error"], line["held_back"]) for line in lines] == [
        ("ValueError", 0),
        ("KeyError", 0),
        ("PredictionError", 0),
        ("ValueError", 4),
    ]
