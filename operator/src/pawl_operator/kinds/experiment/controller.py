"""One pass over an Experiment: observe, decide, write the status, then carry out."""

from datetime import UTC, datetime, timedelta

import structlog
from pydantic import ValidationError

from pawl.api.experiment import Experiment
from pawl.errors import InvalidSpec
from pawl_operator.kinds.conditions import RECONCILED, without_condition
from pawl_operator.kinds.experiment.actions import Plan, SetCandidate
from pawl_operator.kinds.experiment.decide import decide
from pawl_operator.kinds.experiment.observe import Observer
from pawl_operator.kinds.promote import set_candidate
from pawl_operator.kube.events import emit
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import EXPERIMENTS, ROLLOUTS, Ref
from pawl_operator.kube.status import write_status
from pawl_operator.store import ObjectStore

log = structlog.get_logger(__name__)
AGAIN = 0.0
MAX_WAIT = timedelta(hours=1)


class ExperimentController:
    """Reconciles Experiments; used by the queue, which never runs one object twice at a time."""

    def __init__(self, kube: KubePort, store: ObjectStore, observer: Observer) -> None:
        self._kube, self._store, self._observer = kube, store, observer

    async def reconcile(self, ref: Ref) -> float | None:
        """Run one pass and return in how many seconds the next one is due; None: only when something changes.

        Raises:
            PawlError: the pass ended early; the next one decides anew.
        """
        live = self._store.get(ref)
        if live is None or live["metadata"].get("deletionTimestamp"):
            # The Rollout sees that nobody asks any more.
            return None
        now = datetime.now(UTC)
        plan = decide(self._observer.observe(live, parse_experiment(live)), now)
        changed = await self._write(ref, live, plan)
        for note in plan.events:
            await emit(self._kube, live, kind=note.kind, reason=note.reason, message=note.message)
        for action in plan.actions:
            await self._set_candidate(ref, action)
        if changed:
            return AGAIN
        return min(plan.wake_at - now, MAX_WAIT).total_seconds() if plan.wake_at is not None else None

    async def _write(self, ref: Ref, live: Object, plan: Plan) -> bool:
        written = await write_status(self._kube, ref, live, without_condition(plan.status.to_wire(), RECONCILED))
        if written is not None:
            self._store.put(EXPERIMENTS, written)
        return written is not None

    async def _set_candidate(self, ref: Ref, action: SetCandidate) -> None:
        target = Ref(ROLLOUTS, ref.namespace, action.rollout)
        # Not put into the store: the watch is to wake the Rollout with it.
        await set_candidate(self._kube, target, action.version.to_wire())
        log.info("candidate set", object=str(target), experiment=ref.name)


def parse_experiment(live: Object) -> Experiment:
    """Return the typed Experiment of a body.

    Raises:
        InvalidSpec: a field that we know has a value that our types refuse.
    """
    try:
        return Experiment.from_cluster(live)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidSpec(first["msg"], field=field, remedy="install the CRDs of this version of Pawl") from error
