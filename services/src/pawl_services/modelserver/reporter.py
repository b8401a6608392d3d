"""Reports answers to mirrored requests to the collector, in the background and never at any price."""

import asyncio
import json
import random
from typing import Any

import httpx
import structlog

from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.settings import CollectorSettings
from pawl_services.web.logs import Sparingly

QUEUE, QUEUE_BYTES = 2000, 16 * 2**20
# A batch stays well below what the collector takes as one body.
BATCH, BATCH_BYTES = 500, 2 * 2**20
GATHER_SECONDS, SEND_SECONDS, CLOSE_SECONDS = 0.2, 5.0, 3.0
ATTEMPTS, FIRST_DELAY, LAST_DELAY = 4, 0.2, 2.0
LOG_SECONDS = 10.0
# One prediction can be the cause of these, so the halves of a batch are tried on their own.
_ONE_MAY_BE_THE_CAUSE = frozenset({400, 413, 422})

_log = structlog.get_logger(__name__)


class PredictionReporter:
    """Sends predictions in batches. What does not fit its queue, or cannot be sent in time, is dropped and counted."""

    def __init__(self, settings: CollectorSettings, metrics: ModelMetrics, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._metrics = metrics
        self._client = client
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self._bytes = 0
        self._sparingly = Sparingly(LOG_SECONDS)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, in a task of the running loop."""
        self._task = asyncio.create_task(self._run(), name="prediction-reporter")

    def submit(self, reported: dict[str, Any]) -> None:
        """Queue one prediction; never waits."""
        body = json.dumps(reported).encode()
        if self._queue.full() or self._bytes + len(body) > QUEUE_BYTES:
            self._metrics.drop("queue")
            return
        self._bytes += len(body)
        self._queue.put_nowait(body)

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
            rest = [batch]
            try:
                await asyncio.sleep(GATHER_SECONDS)
                self._gather(batch)
                await self._deliver(rest)
            finally:
                for part in rest:
                    self._metrics.drop("ended", len(part))
                self._bytes -= sum(len(body) for body in batch)
                for _ in batch:
                    self._queue.task_done()

    def _gather(self, batch: list[bytes]) -> None:
        size = len(batch[0])
        while len(batch) < BATCH and size < BATCH_BYTES and not self._queue.empty():
            batch.append(self._queue.get_nowait())
            size += len(batch[-1])

    async def _deliver(self, rest: list[list[bytes]]) -> None:
        """Send the batches in `rest`, last first, each taken out once it was taken or given up."""
        while rest:
            status = await self._send(rest[-1])
            part = rest.pop()
            if status in _ONE_MAY_BE_THE_CAUSE and len(part) > 1:
                middle = len(part) // 2
                rest += [part[middle:], part[:middle]]
            elif not httpx.codes.is_success(status):
                self._give_up(part, status)

    def _give_up(self, batch: list[bytes], status: int) -> None:
        reason = "refused" if httpx.codes.is_client_error(status) else "unreachable"
        self._metrics.drop(reason, len(batch))
        if (held := self._sparingly.passes(f"{reason} {status}")) is not None:
            _log.warning(
                "predictions not reported", predictions=len(batch), reason=reason, status=status, held_back=held
            )

    async def _send(self, batch: list[bytes]) -> int:
        """Send one batch, again while that can help; returns the last answer's status, 0 for none."""
        delay, status = FIRST_DELAY, 0
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
                delay = min(2 * delay, LAST_DELAY)
            try:
                status = (await self._post(batch)).status_code
            except (httpx.HTTPError, OSError, UnicodeError):
                status = 0
            if status and status != httpx.codes.TOO_MANY_REQUESTS and not httpx.codes.is_server_error(status):
                break
        return status

    async def _post(self, batch: list[bytes]) -> httpx.Response:
        headers = {"content-type": "application/json"}
        if self._settings.token_file is not None:
            # Read anew each time: a mounted secret is replaced in place when it is rotated.
            token = await asyncio.to_thread(self._settings.token_file.read_text, encoding="utf-8")
            headers["authorization"] = f"Bearer {token.strip()}"
        body = b'{"predictions":[%b]}' % b",".join(batch)
        url = f"{self._settings.url}/v1/predictions"
        return await self._client.post(url, content=body, headers=headers, timeout=SEND_SECONDS)
