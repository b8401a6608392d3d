"""From watch events to store and queue, the first listing, and the resync that proves the watches are alive."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import structlog

from pawl.errors import NotFound, PawlError
from pawl_operator.health import Health
from pawl_operator.kube.port import KubePort, Listing, Object
from pawl_operator.kube.resources import LABELLED, OWN_KINDS, OWNED_LABEL, WATCHED, Ref, Resource
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.queue import WorkQueue
from pawl_operator.store import ObjectStore, newer
from pawl_operator.wakeups import keys_for

log = structlog.get_logger(__name__)
FIRST_RESYNC = 60.0
GRACE = 5.0
PRIME_PAUSE = 2.0


class Watches:
    """Keeps the store true, and tells the queue what changed."""

    def __init__(
        self,
        kube: KubePort,
        store: ObjectStore,
        queue: WorkQueue[Ref],
        metrics: OperatorMetrics,
        health: Health,
        namespaces: Sequence[str],
    ) -> None:
        self._kube, self._store, self._queue = kube, store, queue
        self._metrics, self._health = metrics, health
        self._scopes: Sequence[str | None] = list(namespaces) or [None]
        self._served: dict[Resource, bool] = {}

    def served(self, resource: Resource) -> bool:
        """Return whether the API server offered the resource at the last listing."""
        return self._served.get(resource, False)

    def watch_count(self) -> int:
        """Return how many watches there have to be."""
        return sum(self._served.values()) * len(self._scopes)

    def event(self, resource: Resource, kind: str | None, body: Object) -> None:
        """Take one watch event; `kind` is None for what was there when the watch began."""
        if kind == "DELETED":
            self._store.remove(resource, body)
        elif not self._store.put(resource, body):
            # What we wrote ourselves is known to its own controller, but not to those of other objects.
            self._changed(resource, body, but=_ref(resource, body))
            return
        self._changed(resource, body)

    async def prime(self) -> None:
        """List everything until that has worked once; nothing may be decided before."""
        while True:
            try:
                for resource in WATCHED:
                    for listing in (await self._listings(resource)).values():
                        for body in listing.items:
                            self._store.put(resource, body)
                break
            except PawlError as error:
                log.warning("first listing failed, trying again", error=str(error))
                await asyncio.sleep(PRIME_PAUSE * (0.5 + random.random()))  # noqa: S311 - jitter
        self._health.watchers_needed = self.watch_count()
        self._health.primed = True
        self._enqueue_all()
        log.info("store is primed", objects=self._store.count(), watches=self.watch_count())

    async def resync(self, every: float) -> None:
        """List everything again from time to time, repair the store, enqueue all; until cancelled."""
        pause = min(FIRST_RESYNC, every)
        while True:
            await asyncio.sleep(pause * (0.8 + 0.4 * random.random()))  # noqa: S311 - jitter
            pause = every
            try:
                missed = await self._compare()
            except PawlError as error:
                log.warning("resync failed", error=str(error))
                continue
            self._health.resync_failures = self._health.resync_failures + 1 if missed else 0
            self._health.watchers_needed = self.watch_count()
            self._enqueue_all()

    async def _compare(self) -> bool:
        """Put into the store what the watches have not shown; True when there was any such thing."""
        listings = {resource: await self._listings(resource) for resource in WATCHED}
        # Listing and watching race by nature: what the watch shows a moment later was not missed.
        await asyncio.sleep(GRACE)
        missed = 0
        for resource, scopes in listings.items():
            found = 0
            for scope, listing in scopes.items():
                found += self._repair(resource, scope, listing)
            if found:
                self._metrics.missed_events.labels(resource.kind).inc(found)
                log.error("the watch had not shown what a listing shows", kind=resource.kind, count=found)
            missed += found
        return missed > 0

    def _repair(self, resource: Resource, scope: str | None, listing: Listing) -> int:
        listed = {_ref(resource, body) for body in listing.items}
        gone = [
            body
            for body in self._store.list(resource, scope)
            if _ref(resource, body) not in listed and not newer(body, listing.resource_version)
        ]
        for body in gone:
            self._store.remove(resource, body)
        changed = [body for body in listing.items if self._store.put(resource, body)]
        for body in [*gone, *changed]:
            self._changed(resource, body)
        return len(gone) + len(changed)

    async def _listings(self, resource: Resource) -> dict[str | None, Listing]:
        selector = OWNED_LABEL if resource in LABELLED else ""
        try:
            found = {scope: await self._kube.list(resource, scope, selector=selector) for scope in self._scopes}
        except NotFound:
            self._served[resource] = False
            return {}
        self._served[resource] = True
        return found

    def _changed(self, resource: Resource, body: dict[str, Any], but: Ref | None = None) -> None:
        if but is not None and resource not in OWN_KINDS:
            return
        for key in keys_for(resource, body, self._store):
            if key != but:
                self._queue.add(key)

    def _enqueue_all(self) -> None:
        # Spread over a few seconds, so that a large fleet does not come due in one instant.
        keys = [_ref(kind, body) for kind in OWN_KINDS for body in self._store.list(kind)]
        for place, key in enumerate(keys):
            self._queue.add_after(key, min(10.0, place * 0.01))


def _ref(resource: Resource, body: Object) -> Ref:
    return Ref(resource, body["metadata"].get("namespace", ""), body["metadata"]["name"])
