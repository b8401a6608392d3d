"""Streams examples out: a line of JSON each, read piece by piece, so that memory does not grow with the data set."""

import asyncio
from collections.abc import Callable, Iterator

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic_core import to_json
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message, Receive, Scope, Send

from pawl_services.collector.metrics import CollectorMetrics
from pawl_services.collector.query import moment, read_query
from pawl_services.db.engine import Database
from pawl_services.db.examples import Example, Span, examples
from pawl_services.web.auth import ApiKeys
from pawl_services.web.problem import Problem, ProblemError

MEDIA_TYPE = "application/x-ndjson"
UNTIL = "x-pawl-until"
RETRY_AFTER = {"Retry-After": "1"}
TAKE_SECONDS = 60.0


class Exports:
    """Answers `GET /v1/examples`, at most `most` at once: each holds one piece of its data set in memory."""

    def __init__(self, most: int, database: Database, keys: ApiKeys, metrics: CollectorMetrics) -> None:
        self._most = most
        self._database = database
        self._keys = keys
        self._metrics = metrics
        self._active = 0

    async def answer(self, request: Request) -> Response:
        """The stream; its first byte is sent once the database has answered."""
        try:
            return await self._answer(request)
        except ProblemError as error:
            self._metrics.refused(str(error.problem.status))
            raise

    async def _answer(self, request: Request) -> Response:
        caller = self._keys.caller(request.headers.get("authorization"))
        caller.require_role("read")
        query = read_query(request.query_params)
        caller.require(query.component, "component")
        after, until = query.span(await self._watermark())
        if self._active >= self._most:
            detail = f"{self._most} exports are running, and no more may at once"
            raise ProblemError(Problem(429, detail, "ask again after Retry-After seconds", headers=RETRY_AFTER))
        self._active += 1
        span = Span(caller.namespace, query.component, after, until, query.rules)
        return _Stream(self._lines(span), {UNTIL: moment(until)}, self._ended)

    async def _watermark(self) -> int:
        try:
            return await asyncio.to_thread(self._database.watermark)
        except SQLAlchemyError:
            detail = "the database did not answer"
            raise ProblemError(
                Problem(503, detail, "ask again after Retry-After seconds", headers=RETRY_AFTER)
            ) from None

    def _lines(self, span: Span) -> Iterator[bytes]:
        for piece in examples(self._database, span):
            self._metrics.exported(len(piece))
            yield b"".join(line_of(example) for example in piece)

    def _ended(self) -> None:
        self._active -= 1


class _Stream(StreamingResponse):
    """Says when it is over, however it ended; one that broke off lacks the end by which a client knows it is whole."""

    def __init__(self, lines: Iterator[bytes], headers: dict[str, str], ended: Callable[[], None]) -> None:
        super().__init__(lines, media_type=MEDIA_TYPE, headers=headers)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; who takes nothing for `TAKE_SECONDS` loses the place."""

        async def bounded(message: Message) -> None:
            async with asyncio.timeout(TAKE_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, bounded)
        finally:
            self._ended()


def line_of(example: Example) -> bytes:
    """One example as a line of JSON."""
    members = {
        "interaction": example.interaction,
        "user": example.user,
        "time": moment(example.time),
        "labelledAt": moment(example.labelled_at),
        "input": example.input,
        "output": example.output,
        "truth": example.truth,
        "kind": example.kind,
        "revision": example.revision,
    }
    return to_json(members) + b"\n"
