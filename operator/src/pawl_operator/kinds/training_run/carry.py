"""Carry a plan out: the finalizer, then the status, then what starts and ends attempts, and last what lets the run go.

What is to be done is written down before it is done, so a kill between any two is continued by the next pass: it finds
an attempt on record and none in the cluster, or one in the cluster that is over on record.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from pawl.errors import InvalidSpec
from pawl_operator.kinds.conditions import RECONCILED, without_condition
from pawl_operator.kinds.training_run.actions import (
    Action,
    AddFinalizer,
    DeleteRun,
    Plan,
    RemoveFinalizer,
    StartAttempt,
)
from pawl_operator.kinds.training_run.engines.port import Subject
from pawl_operator.kinds.training_run.snapshot import Refusal
from pawl_operator.kube.events import emit
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import TRAINING_RUNS, Ref
from pawl_operator.kube.status import write_status
from pawl_operator.store import ObjectStore

log = structlog.get_logger(__name__)
LEAVING = (RemoveFinalizer, DeleteRun)


def stages(actions: Sequence[Action]) -> tuple[list[Action], list[Action], list[Action]]:
    """Return what comes before the status is written, what comes after it, and what lets the run go."""
    first: list[Action] = [action for action in actions if isinstance(action, AddFinalizer)]
    leaving: list[Action] = [action for action in actions if isinstance(action, LEAVING)]
    return first, [action for action in actions if action not in first and action not in leaving], leaving


class PlanCarrier:
    """Carries plans out; `do` does one action and says whether it changed something."""

    def __init__(self, kube: KubePort, store: ObjectStore, do: Callable[[Subject, Action], Awaitable[bool]]) -> None:
        self._kube, self._store, self._do = kube, store, do

    async def carry_out(self, subject: Subject, ref: Ref, live: Object, plan: Plan) -> Refusal | None:
        """Do everything that the plan asks for; `live` is the object as it was judged.

        Returns the attempt that is refused as it is written: only the next decision can say what that means.

        Raises:
            PawlError: something could not be done; what comes after it was not done either.
        """
        first, work, leaving = stages(plan.actions)
        await self._all(subject, ref, first)
        status = plan.status.to_wire()
        # What was told of a failure stands until what failed has been tried again.
        told = status if plan.actions else without_condition(status, RECONCILED)
        # Our own finalizer moved the version; a change by somebody else must stay a conflict.
        await self._write(ref, (self._store.get(ref) or live) if first else live, told)
        for note in plan.events:
            await emit(self._kube, live, kind=note.kind, reason=note.reason, message=note.message)
        refusal = await self._all(subject, ref, work)
        await self._all(subject, ref, leaving)
        if work:
            await self._succeeded(ref)
        return refusal

    async def _all(self, subject: Subject, ref: Ref, actions: Sequence[Action]) -> Refusal | None:
        for action in actions:
            try:
                done = await self._do(subject, action)
            except InvalidSpec as error:
                if isinstance(action, StartAttempt):
                    return Refusal(action.number, str(error))
                raise
            if done:
                log.info("done", object=str(ref), action=type(action).__name__, attempt=getattr(action, "number", None))
        return None

    async def _succeeded(self, ref: Ref) -> None:
        live = self._store.get(ref)
        if live is not None:
            await self._write(ref, live, without_condition(live.get("status") or {}, RECONCILED))

    async def _write(self, ref: Ref, live: Object, status: dict[str, object]) -> None:
        written = await write_status(self._kube, ref, live, status) if self._store.get(ref) is not None else None
        if written is not None:
            self._store.put(TRAINING_RUNS, written)
