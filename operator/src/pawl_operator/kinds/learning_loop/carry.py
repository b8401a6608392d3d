"""Carry a plan out: the candidate, then the status, then Events, and last the children.

What comes after the status may fail: that is told in the condition Reconciled and in an Event, and tried again. A kill
between any two is continued by the next pass, which decides anew.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from pawl.errors import PawlError
from pawl_operator.kinds.conditions import RECONCILED, with_condition, without_condition
from pawl_operator.kinds.learning_loop.actions import Action, Plan, SetCandidate
from pawl_operator.kinds.learning_loop.manifests import LoopSubject
from pawl_operator.kinds.learning_loop.reasons import Reason
from pawl_operator.kube.events import emit
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import LEARNING_LOOPS, Ref
from pawl_operator.kube.status import write_status
from pawl_operator.store import ObjectStore

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Carried:
    """What became of a plan."""

    changed: bool = False
    """Whether anything in the cluster is different now, the status included."""
    failed: tuple[str, ...] = ()
    """What each action said that did not succeed."""


class LoopCarrier:
    """Carries plans out; `do` does one action and says whether it changed something."""

    def __init__(
        self, kube: KubePort, store: ObjectStore, do: Callable[[LoopSubject, Action], Awaitable[bool]]
    ) -> None:
        self._kube, self._store, self._do = kube, store, do

    async def carry_out(self, subject: LoopSubject, ref: Ref, live: Object, plan: Plan) -> Carried:
        """Do everything that the plan asks for; `live` is the object as it was judged.

        Raises:
            PawlError: the candidate or the status could not be written; nothing after that was done.
        """
        carried = Carried()
        for action in plan.actions:
            if isinstance(action, SetCandidate):
                carried.changed |= await self._one(subject, ref, action)
        rest = [action for action in plan.actions if not isinstance(action, SetCandidate)]
        status = plan.status.to_wire()
        carried.changed |= await self._write(ref, live, status if rest else without_condition(status, RECONCILED))
        for note in plan.events:
            await emit(self._kube, live, kind=note.kind, reason=note.reason, message=note.message)
        for action in rest:
            await self._try(subject, ref, action, carried)
        if rest:
            carried.changed |= await self._tell(ref, carried.failed)
        return carried

    async def _one(self, subject: LoopSubject, ref: Ref, action: Action) -> bool:
        done = await self._do(subject, action)
        if done:
            log.info("done", object=str(ref), action=type(action).__name__, about=_about(action))
        return done

    async def _try(self, subject: LoopSubject, ref: Ref, action: Action, carried: Carried) -> None:
        try:
            carried.changed |= await self._one(subject, ref, action)
        except PawlError as error:
            carried.failed += (f"{type(action).__name__} {_about(action)}: {error}",)
            log.warning("action failed", object=str(ref), action=type(action).__name__, error=str(error))

    async def _write(self, ref: Ref, live: Object, status: dict[str, object]) -> bool:
        written = await write_status(self._kube, ref, live, status)
        if written is not None:
            self._store.put(LEARNING_LOOPS, written)
        return written is not None

    async def _tell(self, ref: Ref, failed: Sequence[str]) -> bool:
        live = self._store.get(ref)
        if live is None:
            return False
        status, message = dict(live.get("status") or {}), "; ".join(failed)
        if not failed:
            return await self._write(ref, live, without_condition(status, RECONCILED))
        generation, now = int(live["metadata"].get("generation") or 0), datetime.now(UTC)
        told = with_condition(
            status, RECONCILED, "False", Reason.REPAIR_FAILED, message, generation=generation, now=now
        )
        news = await self._write(ref, live, told)
        if news:
            await emit(self._kube, live, kind="Warning", reason=Reason.REPAIR_FAILED, message=message)
        return news


def _about(action: Action) -> object:
    return getattr(action, "name", None) or getattr(action, "turn", None) or getattr(action, "version", "")
