"""Holds the monitor's Lease: decisions from pawl.leases, requests here. Losing it ends the work, not the process."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

import structlog

from pawl.leases import LeaseSight, LeaseStep, LeaseTimes, held_body, must_stop, next_step, released_body
from pawl_services.monitor.kube import KubeError

_log = structlog.get_logger(__name__)


class LeaseApi(Protocol):
    """What is asked of the API server."""

    async def get_lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The Lease, None where there is none."""

    async def put_lease(self, lease: dict[str, Any]) -> dict[str, Any]:
        """Create or replace the Lease."""


class Leader:
    """Stands for election. `term` grows with every time the lead is won, so that work of an earlier one is noticed.

    `now` is monotonic seconds.
    """

    def __init__(
        self,
        api: LeaseApi,
        namespace: str,
        name: str,
        me: str,
        times: LeaseTimes,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._api = api
        self._namespace, self._name, self._me, self._times = namespace, name, me, times
        self._now = now
        self._sight: LeaseSight | None = None
        self._renewed: float | None = None
        self._heard = now()
        self.term = 0

    def leading(self) -> bool:
        """Whether this process may act now; turns False by itself when renewals stop. Safe in any thread."""
        renewed = self._renewed
        return renewed is not None and not must_stop(renewed, self._now(), self._times)

    def unheard(self) -> str | None:
        """A sentence when the Lease could not be read for a whole lease duration: then nobody can lead from here."""
        silence = self._now() - self._heard
        return f"Lease {self._name} not read for {silence:.0f} s" if silence > self._times.duration else None

    async def run(self, stop: asyncio.Event, beat: Callable[[], None]) -> None:
        """Stand, renew, stand again until `stop`; then give the Lease back. `beat` is called at every look."""
        while not stop.is_set():
            beat()
            await self.look()
            try:
                await asyncio.wait_for(stop.wait(), self._times.retry)
            except TimeoutError:
                continue
        await self._give_back()

    async def look(self) -> None:
        """Read the Lease and do what it asks for; a failed call changes nothing but the time that passes."""
        if self._renewed is not None and not self.leading():
            self._lost("not renewed in time")
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                await self._look()
        except (KubeError, TimeoutError) as error:
            _log.warning("lease not read or renewed", reason=str(error) or "no answer in time")

    async def _look(self) -> None:
        # The moment before the request counts: a slow answer must not stretch the time we believe to hold it.
        asked = self._now()
        lease = await self._api.get_lease(self._namespace, self._name)
        self._heard = asked
        leading = self._renewed is not None
        step, self._sight = next_step(lease, self._me, sight=self._sight, leading=leading, now=asked, times=self._times)
        if step is LeaseStep.LOST:
            self._lost("held by somebody else")
        elif step in (LeaseStep.ACQUIRE, LeaseStep.RENEW):
            await self._api.put_lease(self._held(lease))
            if not leading:
                self.term += 1
                _log.info("lease acquired", lease=self._name, me=self._me)
            self._renewed = asked

    def _held(self, lease: dict[str, Any] | None) -> dict[str, Any]:
        return held_body(
            lease,
            name=self._name,
            namespace=self._namespace,
            me=self._me,
            wall=datetime.now(UTC),
            times=self._times,
        )

    def _lost(self, reason: str) -> None:
        self._renewed = None
        _log.warning("lease lost, exporting nothing", lease=self._name, reason=reason)

    async def _give_back(self) -> None:
        if self._renewed is None:
            return
        self._renewed = None
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                lease = await self._api.get_lease(self._namespace, self._name)
                if lease is not None and (lease.get("spec") or {}).get("holderIdentity") == self._me:
                    await self._api.put_lease(released_body(lease, wall=datetime.now(UTC)))
        except (KubeError, TimeoutError) as error:
            _log.warning("lease not given back; the next monitor waits it out", reason=str(error) or "no answer")
