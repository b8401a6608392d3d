"""The protocol's routes: server and model metadata, health, and inference."""

import json
import time
from importlib.metadata import version as installed_version
from typing import Any

from fastapi import APIRouter, Request, Response

from pawl_services.modelserver.body import read_body
from pawl_services.modelserver.failures import FailureLog
from pawl_services.modelserver.host import ModelHost
from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.mirror import interaction_of, is_mirrored, prediction
from pawl_services.modelserver.pool import Overloaded, PredictionPool, TooSlow
from pawl_services.modelserver.protocol import SERVER_NAME, answer, parse_request, refuse
from pawl_services.modelserver.reporter import PredictionReporter
from pawl_services.modelserver.runtime import PredictionError, Runtime
from pawl_services.modelserver.settings import ModelServerSettings
from pawl_services.modelserver.tensors import Tensor
from pawl_services.web.admission import Admission, FullError, most_bytes
from pawl_services.web.health import Health
from pawl_services.web.problem import ProblemError

INTERACTION_HEADER = "x-pawl-interaction-id"
# Copies are the first to be refused, for no user waits for them: they have this share of queue, places and bytes.
SHARE_OF_COPIES = 0.5
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
        self._failures = FailureLog()
        self._admission = Admission(settings.limits.active_requests, settings.limits.active_bytes)

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
        try:
            return await self._admitted(request, runtime, SHARE_OF_COPIES if mirrored else 1.0)
        except Overloaded as error:
            raise _overloaded("every thread is busy and the queue is full") from error
        except FullError as error:
            raise _overloaded(str(error)) from error
        except TooSlow as error:
            detail = f"no answer within {self._settings.limits.answer_seconds:g} s"
            raise refuse(504, detail, "send less at once, or raise PAWL_ANSWER_SECONDS") from error
        except PredictionError as error:
            self._failures.failed(error)
            raise refuse(500, f"the model failed: {error}", "see the model server's log, which says why") from error

    async def _admitted(self, request: Request, runtime: Runtime, share: float) -> tuple[bytes, list[Tensor]]:
        """Refuse what has no room before its body is read, and keep the room until the answer."""
        limits = self._settings.limits
        queue = int(limits.queue * share)
        self._pool.refuse_when_full(queue)
        with self._admission.place(most_bytes(request.headers, limits.body_bytes), share) as place:
            body = await read_body(request, limits.body_bytes)
            self._admission.settle(place, len(body))
            return await self._pool.run(lambda: self._answered(body, runtime), queue)

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


def _overloaded(detail: str) -> ProblemError:
    return refuse(503, detail, "try again later, or serve more replicas", headers=RETRY_AFTER)


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
