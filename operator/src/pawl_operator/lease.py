"""Holding the leader's Lease in a thread and loop of its own.

A blocked main loop therefore neither loses the lease while it still writes nor keeps it for ever: renewal goes on
here, liveness ends a blocked process, and when renewal fails this thread ends the process without asking the main
loop. On an orderly stop the lease is released, so the next operator starts at once.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic

import structlog

from pawl.errors import PawlError
from pawl.leases import LeaseSight, LeaseStep, LeaseTimes, held_body, must_stop, next_step, released_body
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import LEASES, Ref

log = structlog.get_logger(__name__)
LOST_EXIT_CODE = 3


class LeaseHolder:
    """Stands for election, renews, releases. `open_port` is awaited inside this thread's own loop."""

    def __init__(
        self,
        open_port: Callable[[], Awaitable[KubePort]],
        ref: Ref,
        me: str,
        times: LeaseTimes,
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self._open_port = open_port
        self._ref, self._me, self._times = ref, me, times
        self._on_lost = on_lost or _end_process
        self._acquired = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="lease", daemon=True)
        self.last_round = monotonic()
        """When this thread last went round, whatever came of it: an API server that is gone is no reason to restart."""

    @property
    def leading(self) -> bool:
        """Return whether this process holds the lease now."""
        return self._acquired.is_set()

    def start(self) -> None:
        """Begin to stand for election."""
        self._thread.start()

    async def wait_acquired(self, stop: asyncio.Event) -> bool:
        """Wait until the lease is held; False when `stop` was set before."""
        while not stop.is_set():
            if self._acquired.is_set():
                return True
            await asyncio.sleep(0.05)
        return False

    def release(self) -> None:
        """Give the lease back and end the thread (blocking, bounded by the renewal period plus one call)."""
        self._stop.set()
        self._thread.join(timeout=self._times.renew_deadline)

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:
            # Whatever ended this thread: from now on nobody renews the lease.
            log.critical("the lease thread failed", lease=str(self._ref), exc_info=error)
            self._acquired.clear()
            if not self._stop.is_set():
                self._on_lost()

    async def _run(self) -> None:
        kube = await self._open_port()
        try:
            await self._elect(kube)
        finally:
            await kube.close()

    async def _elect(self, kube: KubePort) -> None:
        sight: LeaseSight | None = None
        renewed = monotonic()
        while not self._stop.is_set():
            # The moment before the request counts: a slow answer must not stretch the time we believe to hold it.
            self.last_round = asked = monotonic()
            try:
                async with asyncio.timeout(self._times.renew_deadline / 2):
                    step, sight = await self._look(kube, sight, asked)
                if step in (LeaseStep.ACQUIRE, LeaseStep.RENEW):
                    renewed = asked
            except (PawlError, TimeoutError) as error:
                log.warning("lease could not be renewed or read", error=str(error) or type(error).__name__)
                step = LeaseStep.WAIT
            if self.leading and (step is LeaseStep.LOST or must_stop(renewed, monotonic(), self._times)):
                log.critical("lease lost, ending the process", lease=str(self._ref))
                self._acquired.clear()
                self._on_lost()
                return
            await asyncio.to_thread(self._stop.wait, self._times.retry)
        await self._give_back(kube)

    async def _look(self, kube: KubePort, sight: LeaseSight | None, asked: float) -> tuple[LeaseStep, LeaseSight]:
        lease = await kube.get(self._ref)
        step, seen = next_step(lease, self._me, sight=sight, leading=self.leading, now=asked, times=self._times)
        if step in (LeaseStep.ACQUIRE, LeaseStep.RENEW):
            body = held_body(
                lease,
                name=self._ref.name,
                namespace=self._ref.namespace,
                me=self._me,
                wall=datetime.now(UTC),
                times=self._times,
            )
            if lease is None:
                await kube.create(LEASES, self._ref.namespace, body)
            else:
                await kube.replace(self._ref, body)
            if not self.leading:
                log.info("lease acquired", lease=str(self._ref), me=self._me)
            self._acquired.set()
        return step, seen

    async def _give_back(self, kube: KubePort) -> None:
        if not self.leading:
            return
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                lease = await kube.get(self._ref)
                if lease is not None and (lease.get("spec") or {}).get("holderIdentity") == self._me:
                    await kube.replace(self._ref, released_body(lease, wall=datetime.now(UTC)))
        except (PawlError, TimeoutError) as error:
            log.warning("lease was not released; the next operator waits it out", error=str(error))
        self._acquired.clear()


def _end_process() -> None:
    # No cleanup on purpose: another operator may already be writing.
    os._exit(LOST_EXIT_CODE)
