"""Hands interactions and feedback to the collector, beside the application's own work."""

import asyncio
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from pawl_examples.app import COMPONENT, Shown

QUEUE, BATCH, GATHER_SECONDS, SEND_SECONDS, ATTEMPTS = 5000, 200, 0.1, 5.0, 5
Json = dict[str, Any]


@dataclass(frozen=True)
class LogSettings:
    """Where the collector answers, and the application's API key."""

    url: str
    token: str


class ClientLog:
    """A bounded queue that is sent in batches; what cannot be sent is dropped and counted in `dropped`."""

    def __init__(self, settings: LogSettings) -> None:
        self.dropped = 0
        self._settings = settings
        self._queue: asyncio.Queue[tuple[str, Json]] = asyncio.Queue(QUEUE)
        self._client = httpx.AsyncClient(timeout=SEND_SECONDS)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="collector-client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        waiting = asyncio.create_task(self._queue.join())
        await asyncio.wait({waiting}, timeout=SEND_SECONDS)
        for task in (waiting, self._task):
            if task is not None:
                task.cancel()
        await self._client.aclose()

    def new_id(self) -> str:
        """A UUIDv7: milliseconds since the epoch, then random bits (RFC 9562, section 5.7)."""
        moment = time.time_ns() // 1_000_000
        return str(
            uuid.UUID(int=(moment << 80) | (7 << 76) | (2 << 62) | (secrets.randbits(12) << 64) | secrets.randbits(62))
        )

    def interaction(self, shown: Shown) -> None:
        """Queue one interaction; never waits."""
        row = shown.row
        self._put(
            "interactions",
            {
                "id": shown.interaction,
                "component": COMPONENT,
                "user": shown.user,
                "time": _stamp(shown.started),
                "input": {"text": shown.text},
                "output": shown.facts,
                "latencyMs": round(shown.latency_ms, 3),
                "session": shown.session,
                **({"revision": row.revision, "arm": row.arm} if row.revision else {}),
                **({"release": row.release, "step": row.step} if row.step else {}),
            },
        )

    def feedback(self, interaction: str, kind: str, value: Json) -> None:
        """Queue what a user said; never waits."""
        said = {"id": self.new_id(), "interaction": interaction, "kind": kind, "value": value}
        self._put("feedback", {**said, "time": _stamp(time.time())})

    def _put(self, path: str, record: Json) -> None:
        try:
            self._queue.put_nowait((path, record))
        except asyncio.QueueFull:
            self.dropped += 1

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(GATHER_SECONDS)
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            for path in ("interactions", "feedback"):
                records = [record for to, record in batch if to == path]
                if records and not await self._send(path, records):
                    self.dropped += len(records)
            for _ in batch:
                self._queue.task_done()

    async def _send(self, path: str, records: list[Json]) -> bool:
        headers = {"authorization": f"Bearer {self._settings.token}"}
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(0.2 * attempt)
            try:
                answer = await self._client.post(
                    f"{self._settings.url}/v1/{path}", json={path: records}, headers=headers
                )
            except httpx.HTTPError:
                continue
            if answer.is_success:
                return True
            if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return False
        return False


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
