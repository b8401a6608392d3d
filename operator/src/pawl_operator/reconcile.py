"""The queue's handler: find the controller of a kind, time the pass, and turn an error into what happens next."""

from collections.abc import Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import Protocol

import structlog

from pawl.errors import PawlError
from pawl_operator.kinds.conditions import with_condition
from pawl_operator.kinds.outcome import Outcome, outcome_of
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import Ref, Resource
from pawl_operator.kube.status import write_status
from pawl_operator.metrics import OperatorMetrics
from pawl_operator.queue import RunCutError
from pawl_operator.store import ObjectStore

log = structlog.get_logger(__name__)


class Controller(Protocol):
    """Reconciles objects of one kind."""

    async def reconcile(self, ref: Ref) -> float | None:
        """Run one pass; seconds until the next, or None."""
        ...


class Reconciler:
    """Dispatches keys to controllers."""

    def __init__(
        self, kube: KubePort, store: ObjectStore, controllers: Mapping[Resource, Controller], metrics: OperatorMetrics
    ) -> None:
        self._kube = kube
        self._store = store
        self._controllers = controllers
        self._metrics = metrics

    async def __call__(self, ref: Ref) -> float | None:
        """Run one pass over `ref`; raises what the queue shall back off from."""
        kind, begin = ref.resource.kind, perf_counter()
        try:
            return await self._controllers[ref.resource].reconcile(ref)
        except Exception as error:
            outcome = outcome_of(error)
            self._metrics.reconcile_errors.labels(kind, outcome.name).inc()
            self._log(ref, outcome, error)
            if outcome.at_once:
                await self._read_again(ref)
                return 0.0
            if outcome.condition:
                await self._tell(ref, outcome, error)
            raise
        finally:
            self._metrics.reconcile_seconds.labels(kind).observe(perf_counter() - begin)

    def cut(self, ref: Ref, error: BaseException) -> None:
        """Log and count a pass that was cut at its deadline: a cancelled pass cannot do that itself."""
        if isinstance(error, RunCutError):
            self._metrics.reconcile_errors.labels(ref.resource.kind, "DeadlineExceeded").inc()
            log.error("pass cut", object=str(ref), error=str(error))

    def _log(self, ref: Ref, outcome: Outcome, error: Exception) -> None:
        if outcome.bug:
            log.error("pass failed", object=str(ref), exc_info=error)
        else:
            log.warning("pass ended early", object=str(ref), outcome=outcome.name, error=str(error))

    async def _read_again(self, ref: Ref) -> None:
        fresh = await self._kube.get(ref)
        if fresh is not None:
            self._store.put(ref.resource, fresh)
            return
        live = self._store.get(ref)
        if live is not None:
            self._store.remove(ref.resource, live)

    async def _tell(self, ref: Ref, outcome: Outcome, error: Exception) -> None:
        live = self._store.get(ref)
        if live is None:
            return
        message = str(error) if isinstance(error, PawlError) else f"a bug in the operator: {type(error).__name__}"
        status = with_condition(
            live.get("status") or {},
            outcome.condition,
            "False",
            outcome.name,
            message,
            generation=int(live["metadata"].get("generation") or 0),
            now=datetime.now(UTC),
        )
        try:
            written = await write_status(self._kube, ref, live, status)
        except PawlError as second:
            log.warning("condition was not written", object=str(ref), error=str(second))
            return
        if written is not None:
            self._store.put(ref.resource, written)
