"""Keeps a copy of a collection true: lists it, watches it from there, and lists it again after any trouble.

What was known stays known while the API server is away: nothing is removed until a whole list says that it is gone.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import structlog

from pawl_services.kube.client import GoneError, KubeClient, KubeError, Object, collection

_log = structlog.get_logger(__name__)
LIST_SECONDS = 60.0
SHORT_WATCH = 1.0


class Copy(Protocol):
    """What is kept true. All calls come from the event loop."""

    def replace(self, namespace: str, items: Sequence[Object]) -> None:
        """These are all objects of the namespace, or with "" of the cluster."""

    def put(self, item: Object) -> None:
        """The object is so now."""

    def remove(self, item: Object) -> None:
        """The object is gone."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `watch`: how long one watch is asked to last, `patience`: how much longer silence is borne. Pauses
    after trouble grow from `first_pause` to `longest_pause`, each shortened by up to half at random.

    A watch that ends proves that the connection lives, so short ones find a dead one soon.
    """

    watch: float = 30.0
    patience: float = 5.0
    first_pause: float = 0.2
    longest_pause: float = 10.0

    def pause(self, failures: int) -> float:
        """How long to wait after so many failures in a row, at least one."""
        longest = min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret


class Reflector:
    """One collection in one namespace, or with "" in the whole cluster, read `page` objects at a time."""

    def __init__(
        self,
        client: KubeClient,
        plural: str,
        namespace: str,
        copy: Copy,
        pace: Pace,
        page: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client, self._copy, self._pace, self._page, self._sleep = client, copy, pace, page, sleep
        self._namespace, self._path = namespace, collection(plural, namespace)
        self._failures = 0
        self._heard: float | None = None
        self.synced = False

    def age(self) -> float:
        """Seconds since the API server last said anything of use; infinite before the first list."""
        return float("inf") if self._heard is None else monotonic() - self._heard

    async def run(self, beat: Callable[[], None]) -> None:
        """Go on until cancelled; `beat` is called at every sign of progress, which a failed attempt is too."""
        while True:
            try:
                await self._follow(beat)
            except KubeError as error:
                self._failures += 1
                pause = self._pace.pause(self._failures)
                # A version too old is the API server's usual way to ask for a new list.
                log = _log.info if isinstance(error, GoneError) else _log.warning
                log("listing anew", reason=str(error), pause_seconds=round(pause, 3), failures=self._failures)
                beat()
                await self._sleep(pause)

    async def _follow(self, beat: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                listing = await self._client.list_pages(self._path, self._page)
        except TimeoutError:
            raise KubeError(f"GET {self._path}: no whole list within {LIST_SECONDS:.0f} s") from None
        self._copy.replace(self._namespace, listing.items)
        self.synced = True
        self._hear(beat)
        version = listing.version
        while True:
            version = await self._watch(version, beat)

    async def _watch(self, version: str, beat: Callable[[], None]) -> str:
        """One watch to its end; returns the version to go on from."""
        started, before = monotonic(), version
        # Replicas that started together do not come back together.
        seconds = max(1, round(self._pace.watch * random.uniform(0.8, 1.0)))  # noqa: S311  jitter
        events = self._client.watch(self._path, version, seconds, self._pace.patience)
        async with aclosing(events):
            async for event in events:
                version = event.version or version
                self._take(event.kind, event.object)
                self._failures = 0
                self._hear(beat)
        if version == before and monotonic() - started < SHORT_WATCH:
            raise KubeError(f"WATCH {self._path}: it ended at once")
        self._failures = 0
        self._hear(beat)
        return version

    def _take(self, kind: str, item: Object) -> None:
        if kind == "DELETED":
            self._copy.remove(item)
        elif kind in {"ADDED", "MODIFIED"}:
            self._copy.put(item)

    def _hear(self, beat: Callable[[], None]) -> None:
        self._heard = monotonic()
        beat()
