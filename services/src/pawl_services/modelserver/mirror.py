"""Recognises mirrored requests and reports their answers to the collector, in the background and never at any price."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import structlog

from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.settings import CollectorSettings
from pawl_services.modelserver.tensors import Tensor

SUFFIX = "-shadow"
QUEUE, BATCH = 2000, 500
GATHER_SECONDS, SEND_SECONDS, CLOSE_SECONDS = 0.2, 5.0, 3.0
ATTEMPTS, FIRST_DELAY, LAST_DELAY = 4, 0.2, 2.0

_log = structlog.get_logger(__name__)


def is_mirrored(headers: Mapping[str, str], revision: str) -> bool:
    """Tell whether a request is a copy whose answer no user sees.

    The route stamps the revision that answers the user, so a request stamped with another one was copied to us. A copy
    of our own live request is known only by its gateway: some add a suffix to the host, Envoy Gateway marks copies as
    internal and removes that mark from what clients send. Taking a live request for a copy costs it half the queue.
    """
    stamped = headers.get("x-pawl-revision")
    if stamped is not None and stamped != revision:
        return True
    return headers.get("x-envoy-internal") == "true" or headers.get("host", "").rsplit(":", 1)[0].endswith(SUFFIX)


def interaction_of(header: str | None) -> str | None:
    """Return the interaction's identifier, or None where the header holds no UUID: such an answer has no pair."""
    try:
        return str(UUID(header or ""))
    except ValueError:
        return None


def reported_output(outputs: Sequence[Tensor]) -> Any:  # noqa: ANN401  any JSON value
    """Return an answer as an application would log it: one value bare (parsed where it is JSON), more by name."""
    if len(outputs) == 1 and len(outputs[0].data) == 1:
        return _parsed(outputs[0].data[0])
    return {tensor.name: [_parsed(value) for value in tensor.data] for tensor in outputs}


def prediction(
    interaction: str, metrics: ModelMetrics, outputs: Sequence[Tensor], seconds: float, now: datetime | None = None
) -> dict[str, Any]:
    """Return the collector's form of one answer; `seconds` is the time in this server."""
    return {
        "interaction": interaction,
        "component": metrics.component,
        "revision": metrics.revision,
        "output": reported_output(outputs),
        "latencyMs": round(seconds * 1000, 3),
        "time": (now or datetime.now(UTC)).isoformat().replace("+00:00", "Z"),
        "source": "Mirror",
    }


class PredictionReporter:
    """Sends predictions in batches. What does not fit its queue, or cannot be sent in time, is dropped and counted."""

    def __init__(self, settings: CollectorSettings, metrics: ModelMetrics, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._metrics = metrics
        self._client = client
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, in a task of the running loop."""
        self._task = asyncio.create_task(self._run(), name="prediction-reporter")

    def submit(self, reported: dict[str, Any]) -> None:
        """Queue one prediction; never waits."""
        try:
            self._queue.put_nowait(reported)
        except asyncio.QueueFull:
            self._metrics.drop("queue")

    async def close(self) -> None:
        """Give what is queued `CLOSE_SECONDS` to be sent, then end."""
        if self._task is None:
            return
        waiting = asyncio.create_task(self._queue.join())
        await asyncio.wait({waiting, self._task}, timeout=CLOSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in (waiting, self._task):
            task.cancel()
        await asyncio.gather(waiting, self._task, return_exceptions=True)
        if left := self._queue.qsize():
            self._metrics.drop("ended", left)

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(GATHER_SECONDS)
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            reason = "ended"
            try:
                reason = await self._send(batch)
            finally:
                if reason:
                    self._metrics.drop(reason, len(batch))
                for _ in batch:
                    self._queue.task_done()

    async def _send(self, batch: list[dict[str, Any]]) -> str:
        """Send one batch, retrying while that can help; returns why it was given up, or "" when it was taken."""
        delay, last = FIRST_DELAY, ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
                delay = min(2 * delay, LAST_DELAY)
            try:
                answer = await self._post(batch)
            except (httpx.HTTPError, OSError, UnicodeDecodeError) as error:
                last = type(error).__name__
                continue
            if answer.is_success:
                return ""
            last = f"status {answer.status_code}"
            if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
        _log.warning("predictions not reported", predictions=len(batch), reason=last)
        return "refused" if last.startswith("status 4") else "unreachable"

    async def _post(self, batch: list[dict[str, Any]]) -> httpx.Response:
        headers = {"content-type": "application/json"}
        if self._settings.token_file is not None:
            # Read anew each time: a mounted secret is replaced in place when it is rotated.
            token = await asyncio.to_thread(self._settings.token_file.read_text, encoding="utf-8")
            headers["authorization"] = f"Bearer {token.strip()}"
        body = json.dumps({"predictions": batch}).encode()
        url = f"{self._settings.url}/v1/predictions"
        return await self._client.post(url, content=body, headers=headers, timeout=SEND_SECONDS)


def _parsed(value: Any) -> Any:  # noqa: ANN401
    """Objects and arrays that a model wrote as JSON text become themselves; other text stays text."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
