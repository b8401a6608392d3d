"""What every assigner has: asked of real sockets that answer in pieces, too much, late, wrongly or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from pawl_operator import assigners
from pawl_operator.assigners import Assigners, generation_in, ready_addresses
from pawl_operator.kube.port import Listing
from pawl_operator.traffic.assigner_policy import AssignerService

SERVICE = AssignerService("pawl-system", "pawl-assigner", 8080)
GOOD = {"synced": True, "assignments": [{"namespace": "demo", "rollout": "chat", "generation": 3}]}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Cluster:
    """The slices of one Service."""

    def __init__(self, port: int, *, ready: bool = True) -> None:
        endpoint = {"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}
        self.items = ({"ports": [{"port": port}], "endpoints": [endpoint]},)

    async def list(self, *_: object, **__: object) -> Listing:
        return Listing(self.items, "1")


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/v1/assignments", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def asked(handler: Handler) -> tuple[int, ...]:
    async with answering(handler) as port:
        return await Assigners(Cluster(port), SERVICE).generations("demo", "chat")  # type: ignore[arg-type]


async def test_an_answer_that_comes_in_pieces_is_read_whole() -> None:
    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        body = json.dumps(GOOD).encode()
        for start in range(0, len(body), 20):
            await response.write(body[start : start + 20])
            await asyncio.sleep(0.01)
        return response

    assert await asked(pieces) == (3,)


@pytest.mark.parametrize("body", ["[]", "no JSON", json.dumps({**GOOD, "synced": False}), json.dumps({"synced": True})])
async def test_what_tells_nothing_counts_as_no_generation(body: str) -> None:
    async def said(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body)

    assert await asked(said) == (0,)


async def test_too_much_too_late_and_an_error_count_as_no_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigners, "SIZE_LIMIT", 1000)
    monkeypatch.setattr(assigners, "DEADLINE", 0.3)

    async def large(_: web.Request) -> web.StreamResponse:
        return web.Response(text=json.dumps(GOOD) + " " * 2000)

    async def late(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response(text=json.dumps(GOOD))

    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    assert [await asked(handler) for handler in (large, late, broken)] == [(0,), (0,), (0,)]


async def test_nobody_is_asked_where_no_replica_is_ready_or_there_is_no_assigner() -> None:
    cluster: Any = Cluster(1, ready=False)
    assert await Assigners(cluster, SERVICE).generations("demo", "chat") == ()
    assert await Assigners(cluster, None).generations("demo", "chat") == ()


def test_addresses_are_those_of_ready_endpoints_once_each() -> None:
    endpoints = [{"addresses": ["10.0.0.1"]}, {"addresses": ["fd00::1"]}, {"addresses": ["10.0.0.1"]}]
    assert ready_addresses([{"ports": [{"port": 8080}], "endpoints": endpoints}]) == [
        "http://10.0.0.1:8080",
        "http://[fd00::1]:8080",
    ]


def test_another_rollouts_generation_is_not_ours() -> None:
    assert generation_in(GOOD, "demo", "other") == 0
