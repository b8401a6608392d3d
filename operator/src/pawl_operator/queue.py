"""The work queue: each key at most once, never in two workers, delayed adds, back-off per key, bounded.

A key that is added while a worker holds it runs once more afterwards, so no change is lost. Of several wishes for
one key the earliest wins; a run too many is harmless because reconciling is level-based. Nothing here knows what a
key means. Times are those of the running loop, which lets tests run it on virtual time.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

K = TypeVar("K", bound=Hashable)
log = structlog.get_logger(__name__)


class RunCutError(TimeoutError):
    """A run was cut at the queue's deadline, wherever it was; the handler itself never hears of that."""


class WorkQueue(Generic[K]):
    """Run `handle(key)` in a fixed number of workers; the handler returns seconds until its next run, or None.

    A handler that raises is run again after `base * 2**failures` seconds, at most `cap`, with half of it jitter.
    `cap` stays small on purpose: a rollback may be what is being retried. A run longer than `deadline` seconds is
    cancelled and counts as a failure; `on_error` hears of it as RunCutError. More than `limit` different keys are
    refused (`add` answers False).
    """

    def __init__(
        self,
        handle: Callable[[K], Awaitable[float | None]],
        *,
        workers: int = 4,
        base: float = 0.5,
        cap: float = 30.0,
        deadline: float = 60.0,
        limit: int = 100_000,
        rng: random.Random | None = None,
        on_error: Callable[[K, BaseException], None] | None = None,
    ) -> None:
        self._handle = handle
        self._workers = workers
        self._base, self._cap, self._deadline, self._limit = base, cap, deadline, limit
        self._random = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._on_error = on_error
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._active: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()
        self.last_finished: float | None = None

    def add(self, key: K) -> bool:
        """Ask for a run as soon as a worker is free; False when the queue is full."""
        return self.add_after(key, 0.0)

    def add_after(self, key: K, seconds: float) -> bool:
        """Ask for a run in `seconds` (or earlier, if an earlier wish stands); False when the queue is full."""
        due = self._now() + max(0.0, seconds)
        known = self._due.get(key)
        if known is None and len(self._due) >= self._limit:
            log.error("work queue is full", limit=self._limit, key=str(key))
            return False
        if known is not None and known <= due:
            return True
        self._due[key] = due
        if key not in self._active:
            self._push(key, due)
        return True

    def forget(self, key: K) -> None:
        """Drop wishes and failures of a key whose object is gone."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    async def run(self) -> None:
        """Work until cancelled; runs under way are cancelled with it."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._work(), name=f"queue worker {number}")

    def depth(self) -> int:
        """Count the keys that are due now or in work."""
        now = self._now()
        return len(self._active) + sum(due <= now for key, due in self._due.items() if key not in self._active)

    def oldest_age(self) -> float:
        """Return for how many seconds the longest waiting due key, or the longest run, has been going on."""
        now = self._now()
        waiting = (now - due for key, due in self._due.items() if key not in self._active)
        running = (now - since for since in self._active.values())
        return max(0.0, *waiting, *running) if self._due or self._active else 0.0

    async def _work(self) -> None:
        while True:
            key = await self._take()
            try:
                await self._run_one(key)
            finally:
                self._finish(key)

    async def _run_one(self, key: K) -> None:
        limit = asyncio.timeout(self._deadline)
        try:
            async with limit:
                again = await self._handle(key)
        except Exception as error:  # noqa: BLE001 - one object's bug must not stop the others; it is counted and retried
            cut = RunCutError(f"not finished within {self._deadline:g} s")
            self._failed(key, cut if limit.expired() and isinstance(error, TimeoutError) else error)
            return
        self._failures.pop(key, None)
        if again is not None:
            self.add_after(key, again)

    def _failed(self, key: K, error: Exception) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._cap, self._base * 2.0 ** min(failures, 30))
        if self._on_error is not None:
            self._on_error(key, error)
        self.add_after(key, delay * (0.5 + self._random.random() / 2))

    def _finish(self, key: K) -> None:
        self._active.pop(key, None)
        self.last_finished = self._now()
        due = self._due.get(key)
        if due is not None:
            self._push(key, due)

    async def _take(self) -> K:
        while True:
            self._wake.clear()
            key = self._pop_due()
            if key is not None:
                return key
            try:
                async with asyncio.timeout(self._until_next()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _pop_due(self) -> K | None:
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            # Entries are not removed when a wish changes; one that no longer matches is stale.
            if self._due.get(key) == due and key not in self._active:
                del self._due[key]
                self._active[key] = now
                return key
        return None

    def _until_next(self) -> float | None:
        return max(0.0, self._heap[0][0] - self._now()) if self._heap else None

    def _push(self, key: K, due: float) -> None:
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._wake.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
