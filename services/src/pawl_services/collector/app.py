"""The collector's HTTP interface: three routes that take records and answer after the commit, one that gives them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect

from pawl_services.collector.exports import Exports
from pawl_services.collector.intake import FEEDBACK, INTERACTIONS, PREDICTIONS, Intake
from pawl_services.collector.metrics import CollectorMetrics
from pawl_services.collector.openapi import describe
from pawl_services.collector.pseudonym import Pseudonyms
from pawl_services.collector.records import Recorder
from pawl_services.collector.settings import CollectorSettings
from pawl_services.db.engine import Database, NotWritableError
from pawl_services.db.rows import Bundle
from pawl_services.db.sinks import sink_for
from pawl_services.db.writer import NotWrittenError, QueueFullError, Writer, Written
from pawl_services.web.admission import Admission, FullError, most_bytes
from pawl_services.web.auth import ApiKeys
from pawl_services.web.body import read_body
from pawl_services.web.health import Health
from pawl_services.web.problem import Problem, ProblemError
from pawl_services.web.server import create_app

BODY_SECONDS = 30.0
COMMIT_SECONDS = 60.0
# A statement may run for one minute before the database ends it; a transaction of twice that hangs.
STUCK_SECONDS = 120.0
RETRY_AFTER = {"Retry-After": "1"}


class Collector:
    """Takes requests in, and refuses what is past its bounds before it costs memory."""

    def __init__(
        self,
        settings: CollectorSettings,
        writer: Writer,
        keys: ApiKeys,
        pseudonyms: Pseudonyms,
        metrics: CollectorMetrics,
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._keys = keys
        self._pseudonyms = pseudonyms
        self._metrics = metrics
        self._admission = Admission(settings.max_active_requests, settings.max_active_bytes)
        metrics.watch_bodies(lambda: self._admission.body_bytes)

    async def take(self, request: Request, intake: Intake[Any]) -> Response:
        """Answer one request: 200 with what was accepted, once it is durable."""
        try:
            written = await self._take(request, intake)
        except ProblemError as error:
            self._metrics.refused(str(error.problem.status))
            raise
        self._metrics.written(intake.name, written)
        content = f'{{"accepted":{written.accepted},"duplicates":{written.duplicates}}}'
        return Response(content, media_type="application/json")

    async def _take(self, request: Request, intake: Intake[Any]) -> Written:
        caller = self._keys.caller(request.headers.get("authorization"))
        caller.require_role("write")
        recorder = Recorder(caller, self._pseudonyms)
        size = most_bytes(request.headers, self._settings.max_body_bytes)
        try:
            # The place is kept until the answer: rows that wait for their commit are about as large as the body was.
            with self._admission.place(size) as place:
                body = await self._body(request)
                self._admission.settle(place, len(body))
                bundle = intake.read(recorder, body)
                del body
                return await self._write(bundle) if len(bundle) else Written(0, 0)
        except FullError as error:
            raise ProblemError(_busy(str(error))) from None

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await read_body(request, self._settings.max_body_bytes)
        except TimeoutError:
            detail = f"the body did not arrive within {BODY_SECONDS:.0f} s"
            raise ProblemError(Problem(408, detail, "send it again", headers={"Connection": "close"})) from None
        except ClientDisconnect:
            raise ProblemError(Problem(400, "the client went away while it sent its body", "send it again")) from None

    async def _write(self, bundle: Bundle) -> Written:
        try:
            future = self._writer.submit(bundle)
            return await asyncio.wait_for(asyncio.wrap_future(future), COMMIT_SECONDS)
        except QueueFullError:
            raise ProblemError(_busy("more is waiting for the database than may wait")) from None
        except (NotWrittenError, TimeoutError):
            raise ProblemError(
                Problem(
                    status=503,
                    detail="the database did not confirm the write",
                    remedy="send the same records again after Retry-After seconds; ids keep them from counting twice",
                    headers=RETRY_AFTER,
                )
            ) from None


def collector_app(settings: CollectorSettings, database: Database, keys: ApiKeys, pseudonyms: Pseudonyms) -> FastAPI:
    """The application; its lifespan starts the writer, and at the end writes what is queued and closes `database`."""
    registry = CollectorRegistry()
    metrics = CollectorMetrics(registry)
    writer = Writer(sink_for(database), settings.writer, metrics.committed)
    metrics.watch(writer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer.start()
        yield
        await asyncio.to_thread(writer.close)
        database.close()

    async def database_answers() -> str | None:
        try:
            await asyncio.to_thread(database.ping)
        except NotWritableError as error:
            return error.why
        return None

    health = Health(
        live={"writer": lambda: writer.stuck(STUCK_SECONDS)},
        ready={"database": database_answers, "writer": lambda: writer.stuck(STUCK_SECONDS)},
    )
    app = create_app("Pawl collector", health, registry, lifespan)
    app.state.health = health
    exports = Exports(settings.max_exports, database, keys, metrics)
    _add_routes(app, Collector(settings, writer, keys, pseudonyms, metrics), exports)
    describe(app, (INTERACTIONS, FEEDBACK, PREDICTIONS))
    return app


def _add_routes(app: FastAPI, collector: Collector, exports: Exports) -> None:
    @app.post("/v1/interactions", summary="Log answered requests")
    async def interactions(request: Request) -> Response:
        return await collector.take(request, INTERACTIONS)

    @app.post("/v1/feedback", summary="Log what people said of answers")
    async def feedback(request: Request) -> Response:
        return await collector.take(request, FEEDBACK)

    @app.post("/v1/predictions", summary="Log paired answers")
    async def predictions(request: Request) -> Response:
        return await collector.take(request, PREDICTIONS)

    @app.get("/v1/examples", summary="Stream labelled interactions out")
    async def examples(request: Request) -> Response:
        return await exports.answer(request)


def _busy(detail: str) -> Problem:
    return Problem(429, detail, "send again after Retry-After seconds, less at once", headers=RETRY_AFTER)
