"""The client that an application holds: encodes in the caller, sends in a thread, counts what it could not keep."""

import atexit
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import httpx

from pawl.client.encode import NotEncodableError, encode
from pawl.client.identifiers import new_interaction_id
from pawl.client.outbox import Item, Outbox
from pawl.client.sender import ClientStats, Counts, Sender

EXIT_SECONDS = 2.0
LAST_SECONDS = 1.0
FeedbackKind = Literal["correction", "confirmation", "thumbs"]


@dataclass(frozen=True)
class ClientLimits:
    """Bounds in records, bytes and seconds. `linger`: how long a record may wait for company."""

    queue_items: int = 10_000
    queue_bytes: int = 32 * 2**20
    batch_items: int = 500
    batch_bytes: int = 4 * 2**20
    linger: float = 0.5
    timeout: float = 15.0


class PawlClient:
    """Logs to one collector for one component. Every method returns at once, except `flush` and `close`.

    Nothing here raises into the application: what cannot be kept is dropped and counted in `stats()`. Records have
    ids, so what is sent twice after an unclear answer counts once. `token` is the key, or the file that holds it.
    """

    def __init__(
        self,
        url: str,
        token: str | Path,
        component: str,
        limits: ClientLimits | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._component = component
        self._limits = limits or ClientLimits()
        self._transport = transport
        self._counts = Counts()
        self._start()
        atexit.register(self.close, EXIT_SECONDS)
        _restart_after_fork(self)

    def log_interaction(
        self,
        *,
        user: str,
        input: object,  # noqa: A002  the collector's own word
        output: object,
        id: str | None = None,  # noqa: A002
        time: datetime | None = None,
        latency_ms: float | None = None,
        revision: str | None = None,
        arm: str | None = None,
        rollout: str | None = None,
        release: int | None = None,
        step: int | None = None,
        confidence: float | None = None,
        session: str | None = None,
        metadata: Mapping[str, object] | None = None,
        predictions: Sequence[Mapping[str, object]] = (),
        component: str | None = None,
        training: bool = True,
    ) -> str:
        """Log one answered request and return its id. `time` defaults to now; latency is in milliseconds.

        `training` False: the person does not allow that it is learned from. It still counts as evidence.
        """
        identity = str(id or new_interaction_id())
        record = {
            "id": identity,
            "component": component or self._component,
            "user": user,
            "time": time,
            "input": input,
            "output": output,
            "latencyMs": latency_ms,
            "revision": revision,
            "arm": arm,
            "rollout": rollout,
            "release": release,
            "step": step,
            "confidence": confidence,
            "session": session,
            "metadata": metadata,
            "predictions": predictions,
        }
        # Said only where it is refused: a collector that does not know the word would keep nothing of the others.
        self._put("interactions", record if training else record | {"training": False})
        return identity

    def feedback(
        self,
        interaction: str,
        kind: FeedbackKind,
        value: Mapping[str, object],
        *,
        id: str | None = None,  # noqa: A002
        time: datetime | None = None,
    ) -> str:
        """Log what a person said of an interaction and return the feedback's id.

        `value`: {"truth": ...} for a correction (a confirmation may repeat it), {"up": true or false} for thumbs.
        """
        identity = str(id or new_interaction_id())
        record: dict[str, object] = {"id": identity, "interaction": interaction, "kind": kind}
        record |= {"time": time, "value": value}
        self._put("feedback", record)
        return identity

    def flush(self, timeout: float) -> bool:
        """Send what is queued now; True when all of it was sent or given up within `timeout` seconds."""
        return self._outbox.wait_empty(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Flush, then end the thread; what is left then is dropped and counted. Later records are dropped too."""
        atexit.unregister(self.close)
        empty = self.flush(timeout)
        self._outbox.close()
        self._thread.join(LAST_SECONDS)
        return empty

    def stats(self) -> ClientStats:
        """What became of the records so far."""
        return self._counts.stats(len(self._outbox))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, kind: str, record: dict[str, object]) -> None:
        try:
            record["time"] = _text(record["time"])
            kept = self._outbox.put(Item(kind, encode(record)), self._limits.batch_items)
        except Exception as error:  # noqa: BLE001  logging must never break the application, whatever it was given
            reason = str(error) if isinstance(error, NotEncodableError) else type(error).__name__
            self._counts.add(dropped=1, error=reason)
            return
        if not kept:
            self._counts.add(dropped=1, error="the queue is full or closed")

    def _start(self) -> None:
        self._outbox = Outbox(self._limits.queue_items, self._limits.queue_bytes)
        self._thread = threading.Thread(target=self._run, args=(self._outbox,), name="pawl-client", daemon=True)
        self._thread.start()

    def _run(self, outbox: Outbox) -> None:
        limits = self._limits
        with httpx.Client(timeout=limits.timeout, transport=self._transport) as http:
            sender = Sender(http, self._url, self._token, self._counts, outbox.pause)
            while items := outbox.take(limits.batch_items, limits.batch_bytes, limits.linger):
                try:
                    sender.send(items)
                except Exception as error:  # noqa: BLE001  the thread must outlive any surprise
                    self._counts.add(dropped=len(items), error=type(error).__name__)
                outbox.done(items)


def _text(moment: object) -> str:
    if moment is None:
        return datetime.now(UTC).isoformat()
    if not isinstance(moment, datetime):
        raise NotEncodableError(f"time must be a datetime, not {type(moment).__name__}")
    # A time without a zone means the local one, as everywhere in Python.
    return moment.astimezone(UTC).isoformat()


def _restart_after_fork(client: PawlClient) -> None:
    """A forked child has no thread and must not send the parent's records a second time: it starts afresh."""
    held = weakref.ref(client)

    def restart() -> None:
        living = held()
        if living is not None:
            living._counts = Counts()
            living._start()

    os.register_at_fork(after_in_child=restart)
