"""Carry a plan out: first what decides where traffic goes, then the status, then repairs, and last what lets a deleted
Rollout go.

Nothing waits for what comes after it. A repair (say, a workload that a quota or a webhook refuses) may fail or hang:
by then the route is patched and the status written, and the failure is told in the condition Reconciled and in an
Event. A kill between any two is continued by the next pass, which decides anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from pawl.errors import PawlError
from pawl_operator.kinds.conditions import RECONCILED, with_condition, without_condition
from pawl_operator.kinds.rollout.actions import Action, AddFinalizer, PatchRoute, Plan, RemoveFinalizer, stages
from pawl_operator.kinds.rollout.apply import Subject
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kube.events import emit
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import ROLLOUTS, Ref
from pawl_operator.kube.status import write_status
from pawl_operator.store import ObjectStore

log = structlog.get_logger(__name__)
REPAIR_SECONDS = 20.0
"""For all repairs of a pass together: what comes after them has to be reached within the pass's own deadline."""


@dataclass(slots=True)
class Carried:
    """What became of a plan."""

    changed: bool = False
    """Whether anything in the cluster is different now, the status included."""
    failed: tuple[str, ...] = ()
    """What each repair said that did not succeed."""


class PlanCarrier:
    """Carries plans out. `do` does one action and says whether it changed something; `on_failure` hears of repairs
    that fail.
    """

    def __init__(
        self,
        kube: KubePort,
        store: ObjectStore,
        do: Callable[[Subject, Action], Awaitable[bool]],
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._kube, self._store, self._do, self._on_failure = kube, store, do, on_failure

    async def carry_out(self, subject: Subject, ref: Ref, live: Object, plan: Plan) -> Carried:
        """Do everything that the plan asks for; `live` is the object as it was judged.

        Raises:
            PawlError: the route, the claim or the status could not be written. Nothing else of the plan was done,
                unless the Rollout may go: then it goes all the same.
        """
        urgent, repairs, leaving = stages(plan.actions)
        carried, refused = Carried(), None
        try:
            carried.changed |= await self._all(subject, ref, urgent)
            carried.changed |= await self._write(ref, self._newest(ref, live, urgent), plan, trying=bool(repairs))
        except PawlError as error:
            if not leaving:
                raise
            refused = error
        for note in plan.events:
            await emit(self._kube, live, kind=note.kind, reason=note.reason, message=note.message)
        await self._repair(subject, ref, repairs, carried)
        carried.changed |= await self._all(subject, ref, leaving)
        carried.changed |= await self._tell(ref, carried.failed)
        if refused is not None:
            raise refused
        return carried

    async def _all(self, subject: Subject, ref: Ref, actions: Sequence[Action]) -> bool:
        return any([await self._one(subject, ref, action) for action in actions])

    async def _one(self, subject: Subject, ref: Ref, action: Action) -> bool:
        done = await self._do(subject, action)
        if done:
            log.info("done", object=str(ref), action=type(action).__name__, **_detail(action))
        if done and isinstance(action, RemoveFinalizer):
            self._forget_if_gone(ref)
        return done

    def _newest(self, ref: Ref, live: Object, done: Sequence[Action]) -> Object:
        # Our own patch moved the version; status goes on top of it.
        finalizer = any(isinstance(action, AddFinalizer) for action in done)
        return (self._store.get(ref) or live) if finalizer else live

    def _forget_if_gone(self, ref: Ref) -> None:
        live = self._store.get(ref)
        if live is not None and live["metadata"].get("deletionTimestamp") and not live["metadata"].get("finalizers"):
            self._store.remove(ROLLOUTS, live)

    async def _write(self, ref: Ref, live: Object, plan: Plan, *, trying: bool) -> bool:
        # What was told of failed repairs stands until they have been tried again.
        status = plan.status.to_wire()
        return await self._write_status(ref, live, status if trying else without_condition(status, RECONCILED))

    async def _write_status(self, ref: Ref, live: Object, status: dict[str, object]) -> bool:
        written = await write_status(self._kube, ref, live, status) if self._store.get(ref) else None
        if written is not None:
            self._store.put(ROLLOUTS, written)
        return written is not None

    async def _repair(self, subject: Subject, ref: Ref, repairs: Sequence[Action], carried: Carried) -> None:
        left = list(repairs)
        try:
            async with asyncio.timeout(REPAIR_SECONDS):
                while left:
                    carried.changed |= await self._one_repair(subject, ref, left[0], carried)
                    left.pop(0)
        except TimeoutError as error:
            self._failed(ref, left[0], error, carried)

    async def _one_repair(self, subject: Subject, ref: Ref, action: Action, carried: Carried) -> bool:
        try:
            return await self._one(subject, ref, action)
        except Exception as error:  # noqa: BLE001 - not even a bug in a repair may hold up a rollback
            self._failed(ref, action, error, carried)
            return False

    def _failed(self, ref: Ref, action: Action, error: Exception, carried: Carried) -> None:
        known = isinstance(error, PawlError | TimeoutError)
        said = str(error) or f"no answer within {REPAIR_SECONDS:.0f} s"
        shown = " ".join([type(action).__name__, *map(str, _detail(action).values())])
        carried.failed += (f"{shown}: {said if known else f'a bug in the operator: {type(error).__name__}'}",)
        log.warning("repair failed", object=str(ref), action=shown, error=said, exc_info=None if known else error)
        self._on_failure(error)

    async def _tell(self, ref: Ref, failed: Sequence[str]) -> bool:
        live = self._store.get(ref)
        if live is None:
            return False
        status, message = dict(live.get("status") or {}), "; ".join(failed)
        if not failed:
            return await self._write_status(ref, live, without_condition(status, RECONCILED))
        generation, now = int(live["metadata"].get("generation") or 0), datetime.now(UTC)
        told = with_condition(
            status, RECONCILED, "False", Reason.REPAIR_FAILED, message, generation=generation, now=now
        )
        news = await self._write_status(ref, live, told)
        if news:
            await emit(self._kube, live, kind="Warning", reason=Reason.REPAIR_FAILED, message=message)
        return news


def _detail(action: Action) -> dict[str, object]:
    if isinstance(action, PatchRoute):
        share = action.weight if action.candidate is not None else 0
        return {"weight": share, "release": action.release, "step": action.step}
    revision = getattr(action, "revision", None)
    return {"revision": revision} if revision else {}
