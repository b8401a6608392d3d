"""Micro-batching: many requests share one commit, and each is answered only after that commit.

One thread owns all writing. While a commit runs, requests queue; the next transaction takes all of them. The queue
is bounded in rows and bytes: past the bound a request is refused at once, so memory never grows with the load.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from pawl_services.db.rows import Bundle
from pawl_services.db.sinks import Sink, is_outage

_log = structlog.get_logger(__name__)


class QueueFullError(Exception):
    """The bound is reached; try again later."""


class NotWrittenError(Exception):
    """The database did not take the rows; they may be sent again with the same ids."""


@dataclass(frozen=True)
class WriterLimits:
    """Seconds, rows and bytes. `linger` is how long the oldest request may wait for company."""

    linger: float = 0.005
    batch_rows: int = 5_000
    queue_rows: int = 20_000
    queue_bytes: int = 64 * 2**20
    attempts: int = 4
    first_backoff: float = 0.1
    last_backoff: float = 1.0


@dataclass(frozen=True)
class Written:
    """What a bundle's main rows became."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Job:
    """A bundle on its way."""

    bundle: Bundle
    future: "Future[Written]"
    queued_at: float


Observer = Callable[[int, float, bool], None]


class Writer:
    """Owns the writing thread; `submit` may be called from any thread."""

    def __init__(self, sink: Sink, limits: WriterLimits, observe: Observer = lambda rows, seconds, done: None) -> None:
        self._sink = sink
        self._limits = limits
        self._observe = observe
        self._jobs: deque[Job] = deque()
        self._rows = 0
        self._bytes = 0
        self._closing = False
        self._working_since: float | None = None
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="pawl-writer", daemon=True)

    def start(self) -> None:
        """Begin writing."""
        self._thread.start()

    def close(self, timeout: float = 30.0) -> None:
        """Refuse new bundles, write what is queued, end; waits at most `timeout` seconds."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(timeout)

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a commit or are in one."""
        return self._rows

    @property
    def queued_bytes(self) -> int:
        """The bytes of the requests they came in."""
        return self._bytes

    def stuck(self, limit: float) -> str | None:
        """A sentence when one transaction has been running for more than `limit` seconds, or the thread died."""
        since = self._working_since
        if not self._thread.is_alive():
            return "the writing thread is not running"
        if since is not None and time.monotonic() - since > limit:
            return f"a transaction has been running for more than {limit:.0f} s"
        return None

    def submit(self, bundle: Bundle) -> "Future[Written]":
        """Queue a bundle; the future is done after its commit, or fails with NotWrittenError.

        Raises QueueFullError at the bound (a bundle larger than the bound is taken when nothing else is queued) and
        NotWrittenError once closed.
        """
        future: Future[Written] = Future()
        with self._wake:
            if self._closing:
                raise NotWrittenError("this process is ending")
            if self._rows and self._too_much(bundle):
                raise QueueFullError
            self._rows += len(bundle)
            self._bytes += bundle.size
            self._jobs.append(Job(bundle, future, time.monotonic()))
            self._wake.notify_all()
        return future

    def _too_much(self, bundle: Bundle) -> bool:
        rows, size = self._rows + len(bundle), self._bytes + bundle.size
        return rows > self._limits.queue_rows or size > self._limits.queue_bytes

    def _run(self) -> None:
        while jobs := self._next_batch():
            self._working_since = time.monotonic()
            self._write(jobs)
            self._working_since = None
            with self._wake:
                self._rows -= sum(len(job.bundle) for job in jobs)
                self._bytes -= sum(job.bundle.size for job in jobs)

    def _next_batch(self) -> list[Job]:
        """Wait for work, linger for company, take at most a batch; empty once closed and all is written."""
        with self._wake:
            while not self._jobs and not self._closing:
                self._wake.wait()
            if not self._jobs:
                return []
            deadline = self._jobs[0].queued_at + self._limits.linger
            while self._rows < self._limits.batch_rows and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            return self._take()

    def _take(self) -> list[Job]:
        jobs = [self._jobs.popleft()]
        rows = len(jobs[0].bundle)
        while self._jobs and rows + len(self._jobs[0].bundle) <= self._limits.batch_rows:
            jobs.append(self._jobs.popleft())
            rows += len(jobs[-1].bundle)
        return jobs

    def _write(self, jobs: Sequence[Job]) -> None:
        start = time.monotonic()
        try:
            counts = self._attempt([job.bundle for job in jobs])
        except Exception as error:  # noqa: BLE001  whatever it was, the waiters must hear of it and the thread go on
            self._failed(jobs, error, time.monotonic() - start)
            return
        self._observe(sum(len(job.bundle) for job in jobs), time.monotonic() - start, True)
        for job, accepted in zip(jobs, counts, strict=True):
            _settle(job, Written(accepted, len(job.bundle.main) - accepted))

    def _attempt(self, bundles: Sequence[Bundle]) -> list[int]:
        """Write, again after a pause while the database does not answer. Repeating is safe: rows have client ids."""
        pause = self._limits.first_backoff
        for left in reversed(range(self._limits.attempts)):
            try:
                return self._sink.write(bundles)
            except Exception as error:
                if left == 0 or not is_outage(error):
                    raise
            with self._wake:
                self._wake.wait_for(lambda: self._closing, pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, self._limits.last_backoff)
        raise NotWrittenError("no attempt allowed")

    def _failed(self, jobs: Sequence[Job], error: Exception, seconds: float) -> None:
        if len(jobs) > 1 and not is_outage(error):
            # One request's rows were refused: the others must not suffer for it.
            for job in jobs:
                self._write([job])
            return
        _log.error("rows not written", rows=sum(len(job.bundle) for job in jobs), error=type(error).__name__)
        self._observe(sum(len(job.bundle) for job in jobs), seconds, False)
        for job in jobs:
            _settle(job, NotWrittenError(type(error).__name__))


def _settle(job: Job, outcome: Written | NotWrittenError) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Written):
        job.future.set_result(outcome)
    else:
        job.future.set_exception(outcome)
