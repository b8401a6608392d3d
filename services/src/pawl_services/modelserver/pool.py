"""Runs predictions in a bounded number of threads, with a bounded queue in front of them."""

import asyncio
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pawl_services.modelserver.settings import Limits

Answer = TypeVar("Answer")


class Overloaded(Exception):  # noqa: N818  it is a state of the server, not a mistake
    """No thread is free and the queue is full, or the wait in it took too long."""


class TooSlow(Exception):  # noqa: N818
    """The prediction runs longer than an answer may take; its thread stays taken until it ends."""


class PredictionPool:
    """Every prediction holds one of `limits.concurrency` threads; at most `limits.queue` requests wait for one."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._threads = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="predict")
        self._started: dict[int, float] = {}
        self._numbers = itertools.count()
        self.waiting = 0

    @property
    def running(self) -> int:
        """Predictions that hold a thread now."""
        return len(self._started)

    def refuse_when_full(self, queue: int) -> None:
        """Raise Overloaded when no thread is free and `queue` requests wait for one already."""
        if self._slots.locked() and self.waiting >= queue:
            raise Overloaded

    async def run(self, predict: Callable[[], Answer], queue: int | None = None) -> Answer:
        """Run `predict` in a thread; with `queue`, be refused from that many waiting requests on instead of the limit.

        Raises Overloaded or TooSlow, or what `predict` raises.
        """
        await self._take_slot(self._limits.queue if queue is None else queue)
        number = next(self._numbers)
        self._started[number] = self._clock()
        future = asyncio.get_running_loop().run_in_executor(self._threads, predict)

        def free(ended: asyncio.Future[Answer]) -> None:
            # Only here: a thread cannot be cancelled, so a slot is free when its prediction has really ended.
            del self._started[number]
            self._slots.release()
            if not ended.cancelled():
                ended.exception()  # read, so that a failure after its time-out is not reported as never retrieved

        future.add_done_callback(free)
        done, _ = await asyncio.wait({future}, timeout=self._limits.answer_seconds)
        if not done:
            raise TooSlow
        return future.result()

    def stuck(self) -> str | None:
        """A liveness check: wrong once a prediction has held its thread longer than `limits.stuck_seconds`."""
        oldest = min(self._started.values(), default=None)
        age = 0.0 if oldest is None else self._clock() - oldest
        if age <= self._limits.stuck_seconds:
            return None
        return f"a prediction has been running for {age:.0f} s (limit {self._limits.stuck_seconds:g} s)"

    def close(self) -> None:
        """Take no more work; threads that still run are left to the end of the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _take_slot(self, queue: int) -> None:
        self.refuse_when_full(queue)
        self.waiting += 1
        try:
            await asyncio.wait_for(self._slots.acquire(), self._limits.answer_seconds)
        except TimeoutError:
            raise Overloaded from None
        finally:
            self.waiting -= 1
