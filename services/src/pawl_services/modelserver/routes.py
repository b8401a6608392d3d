"""The protocol's routes: server and model metadata, health, and inference."""

import json
import time
from importlib.metadata import version as installed_version
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from pawl_services.modelserver.host import ModelHost
from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.mirror import PredictionReporter, interaction_of, is_mirrored, prediction
from pawl_services.modelserver.pool import Overloaded, PredictionPool, TooSlow
from pawl_services.modelserver.protocol import SERVER_NAME, answer, parse_request, refuse
from pawl_services.modelserver.runtime import PredictionError, Runtime
from pawl_services.modelserver.settings import ModelServerSettings
from pawl_services.modelserver.tensors import Tensor
from pawl_services.web.health import Health
from pawl_services.web.problem import ProblemError

INTERACTION_HEADER = "x-pawl-interaction-id"
BINARY_HEADER = "inference-header-content-length"
RETRY_AFTER = {"retry-after": "1"}


class ModelServer:
    """Answers for one model; everything that depends on the size of a request runs in the pool's threads."""

    def __init__(
        self,
        settings: ModelServerSettings,
        host: ModelHost,
        pool: PredictionPool,
        metrics: ModelMetrics,
        reporter: PredictionReporter | None,
    ) -> None:
        self._settings = settings
        self._host = host
        self._pool = pool
        self._metrics = metrics
        self._reporter = reporter

    def runtime(self, name: str, version: str | None) -> Runtime:
        """Return the loaded model; refuses (404) another name or version, and (503) while it is not loaded."""
        if name != self._settings.model_name:
            detail, remedy = f"model {name!r} is not served here", f"ask for {self._settings.model_name!r}"
            raise refuse(404, detail, remedy, field="model_name", value=name)
        if version not in (None, self._settings.revision):
            detail, remedy = f"version {version!r} is not served here", f"ask for {self._settings.revision!r}"
            raise refuse(404, detail, remedy, field="model_version", value=version)
        if self._host.runtime is None:
            raise refuse(503, self._host.ready() or "", "wait until the model is ready", headers=RETRY_AFTER)
        return self._host.runtime

    async def infer(self, request: Request, name: str, version: str | None) -> Response:
        """Answer one request and record it; report the answer where the request is a mirrored copy."""
        began = time.perf_counter()
        mirrored = is_mirrored(request.headers, self._metrics.revision)
        code = 500
        try:
            content, outputs = await self._predicted(request, self.runtime(name, version), mirrored=mirrored)
            code = 200
        except ProblemError as error:
            code = error.problem.status
            raise
        finally:
            seconds = time.perf_counter() - began
            self._metrics.answered(code, seconds, mirrored=mirrored)
        if mirrored and self._reporter is not None:
            self._report(request, outputs, seconds)
        return Response(content, media_type="application/json")

    async def _predicted(self, request: Request, runtime: Runtime, *, mirrored: bool) -> tuple[bytes, list[Tensor]]:
        body = await _body(request, self._settings.limits.body_bytes)
        # Copies are the first to be refused: no user waits for them.
        queue = self._settings.limits.queue // 2 if mirrored else None
        try:
            return await self._pool.run(lambda: self._answered(body, runtime), queue)
        except Overloaded as error:
            detail = "every thread is busy and the queue is full"
            raise refuse(503, detail, "try again later, or serve more replicas", headers=RETRY_AFTER) from error
        except TooSlow as error:
            detail = f"no answer within {self._settings.limits.answer_seconds:g} s"
            raise refuse(504, detail, "send less at once, or raise PAWL_ANSWER_SECONDS") from error
        except PredictionError as error:
            raise refuse(500, f"the model failed: {error}", "report it to the model's owner") from error

    def _answered(self, body: bytes, runtime: Runtime) -> tuple[bytes, list[Tensor]]:
        parsed = parse_request(body, runtime.signature)
        outputs = runtime.infer(parsed.inputs, parsed.outputs)
        content = answer(self._settings.model_name, self._settings.revision, parsed, outputs)
        return json.dumps(content).encode(), outputs

    def _report(self, request: Request, outputs: list[Tensor], seconds: float) -> None:
        assert self._reporter is not None  # noqa: S101  the caller asked
        interaction = interaction_of(request.headers.get(INTERACTION_HEADER))
        if interaction is None:
            self._metrics.drop("interaction")
        else:
            self._reporter.submit(prediction(interaction, self._metrics, outputs, seconds))


async def _body(request: Request, limit: int) -> bytes:
    if BINARY_HEADER in request.headers:
        detail = "binary tensor data is not taken"
        raise refuse(400, detail, "send the values as JSON", field=BINARY_HEADER)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise refuse(413, f"the body is larger than {limit} bytes", "send fewer values at once")
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise refuse(400, "the client went away while it sent its request", "send the request again") from error
    return b"".join(chunks)


def model_routes(server: ModelServer, settings: ModelServerSettings, health: Health) -> APIRouter:
    """Return the routes under `/v2`."""
    router = APIRouter(prefix="/v2")
    _add_health(router, health)

    @router.get("")
    async def server_metadata() -> dict[str, Any]:
        return {"name": SERVER_NAME, "version": installed_version("pawl-platform-services"), "extensions": []}

    @router.get("/models/{name}")
    @router.get("/models/{name}/versions/{version}")
    async def model_metadata(name: str, version: str | None = None) -> dict[str, Any]:
        signature = server.runtime(name, version).signature
        return {
            "name": name,
            "versions": [settings.revision],
            "platform": signature.platform,
            "inputs": [spec.described() for spec in signature.inputs],
            "outputs": [spec.described() for spec in signature.outputs],
        }

    @router.get("/models/{name}/ready")
    @router.get("/models/{name}/versions/{version}/ready")
    async def model_ready(name: str, version: str | None = None) -> dict[str, Any]:
        server.runtime(name, version)
        return {"name": name, "ready": True}

    @router.post("/models/{name}/infer")
    @router.post("/models/{name}/versions/{version}/infer")
    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        return await server.infer(request, name, version)

    return router


def _add_health(router: APIRouter, health: Health) -> None:
    @router.get("/health/live")
    async def live() -> dict[str, bool]:
        _refuse_unless_well(await health.liveness())
        return {"live": True}

    @router.get("/health/ready")
    async def ready() -> dict[str, bool]:
        _refuse_unless_well(await health.readiness())
        return {"ready": True}


def _refuse_unless_well(wrong: dict[str, str]) -> None:
    if wrong:
        detail = "; ".join(f"{name}: {reason}" for name, reason in wrong.items())
        raise refuse(503, detail, "wait, or see the log of this process")
