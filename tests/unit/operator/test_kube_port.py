"""The port over a scripted HTTP server: what each answer means, what is retried, and that tokens are read again."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pawl.errors import Conflict, DependencyUnavailable, InvalidSpec, NotFound, PawlError, PermissionDenied
from pawl_operator.kube.aiohttp_port import AiohttpKube
from pawl_operator.kube.answers import error_of
from pawl_operator.kube.credentials import Credentials, find_credentials, from_kubeconfig
from pawl_operator.kube.limit import TokenBucket
from pawl_operator.kube.resources import EVENTS, PODS, ROLLOUTS, Ref, Resource

REF = Ref(ROLLOUTS, "demo", "chat")
PATH = "/apis/pawl.dev/v1alpha1/namespaces/demo/rollouts/chat"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    *answers: Answer | int | dict[str, Any], **options: Any
) -> AsyncIterator[tuple[AiohttpKube, list[web.Request]]]:
    """A port onto a server that gives `answers` in turn, the last one for ever."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        seen.append(request)
        answer = answers[min(len(seen), len(answers)) - 1]
        if isinstance(answer, int):
            return web.json_response({"message": "as told"}, status=answer)
        return web.json_response(answer) if isinstance(answer, dict) else await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    async with TestServer(app) as server:
        credentials = options.pop("credentials", None) or Credentials(str(server.make_url("")).rstrip("/"))
        if callable(credentials):
            credentials = credentials(str(server.make_url("")).rstrip("/"))
        kube = AiohttpKube(credentials, **{"rate": 1000.0, "burst": 1000, "deadline": 3.0} | options)
        try:
            yield kube, seen
        finally:
            await kube.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, InvalidSpec),
        (401, PermissionDenied),
        (403, PermissionDenied),
        (404, NotFound),
        (409, Conflict),
        (415, InvalidSpec),
        (422, InvalidSpec),
        (500, DependencyUnavailable),
        (503, DependencyUnavailable),
    ],
)
async def test_answers_become_errors_in_one_place(code: int, error: type[PawlError]) -> None:
    async with serving(code) as (kube, _):
        with pytest.raises(error, match=r"PUT /apis/.*as told"):
            await kube.replace(REF, {})


def test_a_failed_test_of_a_json_patch_is_a_conflict_but_a_failed_validation_is_not() -> None:
    invalid = {"message": "spec is invalid", "details": {"causes": [{"field": "spec.x"}]}}
    assert isinstance(error_of(422, {"message": "test failed"}, what="PATCH", patch=True), Conflict)
    assert isinstance(error_of(422, invalid, what="PATCH", patch=True), InvalidSpec)
    assert isinstance(error_of(422, {}, what="PATCH"), InvalidSpec)


async def test_reading_what_is_not_there_is_none_and_deleting_it_is_fine() -> None:
    async with serving(404) as (kube, _):
        assert await kube.get(REF) is None
        await kube.delete(REF)
        assert not await kube.serves(ROLLOUTS)


async def test_of_a_text_the_end_is_read_and_no_text_is_none() -> None:
    async def log(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for number in range(2000):
            await answer.write(f"line {number:06}\n".encode())
        return answer

    pod = Ref(PODS, "demo", "trainer-1")
    async with serving(log, 404, 400) as (kube, seen):
        assert await kube.text(pod, "log", {"tailLines": "9"}, limit=36) == "line 001997\nline 001998\nline 001999\n"
        assert seen[0].path_qs == "/api/v1/namespaces/demo/pods/trainer-1/log?tailLines=9"
        assert await kube.text(pod, "log", {}, limit=36) is None
        with pytest.raises(InvalidSpec, match="as told"):
            await kube.text(pod, "log", {}, limit=36)


async def test_a_list_reads_all_pages_and_names_the_kind_of_items() -> None:
    first = {"metadata": {"resourceVersion": "9", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
    second = {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "b"}}]}
    async with serving(first, second) as (kube, seen):
        listing = await kube.list(ROLLOUTS, "demo", selector="x=y")
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert listing.items[0]["kind"] == "Rollout"
    assert listing.resource_version == "9"
    assert seen[1].query == {"limit": "500", "continue": "more", "labelSelector": "x=y"}


async def test_apply_forces_under_its_manager_and_urgent_calls_pass_the_limit() -> None:
    async with serving({"metadata": {}}, rate=0.01, burst=1) as (kube, seen):
        await kube.apply(REF, {"spec": 1}, manager="pawl-operator")
        async with asyncio.timeout(1):
            await kube.json_patch(REF, [], manager="pawl-operator", urgent=True)
    assert seen[0].query == {"fieldManager": "pawl-operator", "force": "true"}
    assert seen[0].content_type == "application/apply-patch+yaml"
    assert seen[1].content_type == "application/json-patch+json"


async def test_not_processed_is_retried_a_lost_write_is_not() -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=429, headers={"Retry-After": "0"})

    async def broken(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with serving(busy, busy, {"ok": 1}) as (kube, seen):
        assert await kube.replace(REF, {}) == {"ok": 1}
        assert len(seen) == 3
    async with serving(broken, {"ok": 1}) as (kube, seen):
        with pytest.raises(DependencyUnavailable):
            await kube.json_patch(REF, [], manager="pawl-operator")
        assert len(seen) == 1
    async with serving(broken, {"ok": 1}) as (kube, seen):
        assert await kube.get(REF) == {"ok": 1}


async def test_a_call_ends_at_its_deadline() -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with serving(never, deadline=0.2) as (kube, _):
        with pytest.raises(DependencyUnavailable, match="no answer within"):
            await kube.get(REF)


async def test_a_rotated_token_is_read_again_after_a_401(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    async def check(request: web.Request) -> web.StreamResponse:
        fine = request.headers["Authorization"] == "Bearer new"
        token.write_text("new")
        return web.json_response({"ok": 1}) if fine else web.json_response({}, status=401)

    async with serving(check, credentials=lambda url: Credentials(url, token_file=token)) as (kube, seen):
        assert await kube.get(REF) == {"ok": 1}
        assert len(seen) == 2


async def test_what_comes_back_without_json_is_an_error_with_its_text() -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>proxy says no</html>", status=502)

    async with serving(page) as (kube, _):
        with pytest.raises(DependencyUnavailable, match="proxy says no"):
            await kube.replace(REF, {})


async def test_the_bucket_serves_bursts_and_then_its_rate() -> None:
    bucket, loop = TokenBucket(rate=50, burst=5), asyncio.get_running_loop()
    begin = loop.time()
    await asyncio.gather(*(bucket.take() for _ in range(10)))
    assert loop.time() - begin >= 0.09


def test_addresses_are_quoted() -> None:
    assert REF.path("status") == f"{PATH}/status"
    assert EVENTS.path("demo") == "/api/v1/namespaces/demo/events"
    assert Ref(Resource("", "v1", "pods", "Pod"), "a/b", "..").path() == "/api/v1/namespaces/a%2Fb/pods/.."


def test_a_kubeconfig_is_read_with_data_files_and_tokens(tmp_path: Path) -> None:
    path = tmp_path / "config"
    user = {"token": "secret"}
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://x:6443/", "certificate-authority": "ca.crt"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(config))
    found = from_kubeconfig(path)
    assert (found.server, found.ca_file, found.read_token()) == ("https://x:6443", tmp_path / "ca.crt", "secret")
    assert "secret" not in repr(found)
    path.write_text(json.dumps(config | {"current-context": "other"}))
    with pytest.raises(InvalidSpec, match="current context"):
        from_kubeconfig(path)


def test_no_way_to_the_api_server_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="KUBECONFIG"):
        find_credentials({"KUBECONFIG": str(tmp_path / "nowhere")})
