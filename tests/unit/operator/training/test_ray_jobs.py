"""Ray's Jobs API over a scripted server: answers, refusals, silence, and logs of any length."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from pawl.errors import DependencyUnavailable, InvalidSpec
from pawl_operator.kinds.training_run.ray_jobs import RayJobs, Submission, end_of_log

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SUBMISSION = Submission("python -m pawl_trainers run", "demo-run-1-12345678", {"PAWL_PLAN": "{}"}, {"a": "b"})


@asynccontextmanager
async def serving(
    answer: Answer, deadline: float = 5.0
) -> AsyncIterator[tuple[RayJobs, str, list[tuple[str, str, Any]]]]:
    """A client, the address of a server that gives `answer`, and what it was asked."""
    asked: list[tuple[str, str, Any]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked.append((request.method, request.path, json.loads(body) if body else None))
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    async with TestServer(app) as server:
        yield RayJobs(deadline=deadline), str(server.make_url("")).rstrip("/"), asked


def answers(body: object, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return answer


async def test_a_job_is_submitted_with_its_own_identifier() -> None:
    async with serving(answers({"submission_id": "x"})) as (ray, url, asked):
        assert await ray.submit(url, SUBMISSION)
    assert asked == [
        (
            "POST",
            "/api/jobs/",
            {
                "entrypoint": "python -m pawl_trainers run",
                "submission_id": "demo-run-1-12345678",
                "runtime_env": {"env_vars": {"PAWL_PLAN": "{}"}},
                "metadata": {"a": "b"},
            },
        )
    ]


async def test_an_identifier_that_is_taken_is_this_very_job() -> None:
    taken = "Job with submission_id x already exists. Please use a different submission_id."

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text=taken)

    async with serving(answer) as (ray, url, _):
        assert not await ray.submit(url, SUBMISSION)


@pytest.mark.parametrize(("status", "error"), [(400, InvalidSpec), (500, DependencyUnavailable)])
async def test_a_refusal_and_a_failure_are_told_apart(status: int, error: type[Exception]) -> None:
    async with serving(answers({"message": "as told"}, status)) as (ray, url, _):
        with pytest.raises(error, match="as told"):
            await ray.submit(url, SUBMISSION)


async def test_a_job_is_read_as_it_stands() -> None:
    body = {
        "status": "RUNNING",
        "message": None,
        "metadata": {"k": "v"},
        "start_time": 1_767_225_600_000,
        "type": "SUBMISSION",
    }
    async with serving(answers(body)) as (ray, url, asked):
        found = await ray.info(url, "a b/c")
    assert found is not None
    assert (found.status, found.message, found.metadata) == ("RUNNING", "", {"k": "v"})
    assert found.started == datetime(2026, 1, 1, tzinfo=UTC)
    assert asked[0][1] == "/api/jobs/a b/c"


async def test_what_is_not_there_is_none() -> None:
    async with serving(answers({}, 404)) as (ray, url, _):
        assert await ray.info(url, "x") is None
        assert await ray.log(url, "x", limit=100) is None
        assert not await ray.stop(url, "x")


@pytest.mark.parametrize("body", [[], {"status": 7}, {"status": "RUNNING", "start_time": "soon"}])
async def test_another_shape_is_no_answer(body: object) -> None:
    async with serving(answers(body)) as (ray, url, _):
        with pytest.raises(DependencyUnavailable, match="another shape"):
            await ray.info(url, "x")


async def test_silence_ends_at_the_deadline_and_nobody_there_is_told() -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with serving(never, deadline=0.2) as (ray, url, _):
        with pytest.raises(DependencyUnavailable, match="TimeoutError"):
            await ray.log(url, "x", limit=100)
    with pytest.raises(DependencyUnavailable):
        await RayJobs().info("http://127.0.0.1:1", "x")


async def test_only_the_end_of_a_long_log_is_kept() -> None:
    lines = "".join(f"line {number}\n" for number in range(500_000)) + "the end\n"
    async with serving(answers({"logs": lines})) as (ray, url, _):
        found = await ray.log(url, "x", limit=1000)
    assert found is not None
    assert found.endswith("line 499999\nthe end\n")
    assert len(found) < 1000


@given(st.text(max_size=60).map(lambda text: f"{text}\n"), st.integers(1, 400))
def test_a_log_that_is_cut_anywhere_still_ends_as_it_did(text: str, limit: int) -> None:
    whole = json.dumps({"logs": f"{text}\n{text}pawl-report"}).encode()
    found = end_of_log(whole[-limit:]) if limit >= len('pawl-report"}') else "pawl-report"
    assert found == "" or f"{text}\n{text}pawl-report".endswith(found)


def test_what_is_no_log_is_told() -> None:
    with pytest.raises(DependencyUnavailable):
        end_of_log(b'oops\\n "broken" text')
    assert end_of_log(b"{}") == ""
    assert end_of_log(b"<html>") == ""
