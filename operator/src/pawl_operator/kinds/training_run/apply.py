"""Carry out one action of a plan; every one may be repeated."""

from collections.abc import Mapping

from pawl.errors import Conflict, NotFound
from pawl_operator.kinds.training_run.actions import (
    FINALIZER,
    Action,
    AddFinalizer,
    DeleteRun,
    RemoveFinalizer,
    RetireAttempt,
    StartAttempt,
)
from pawl_operator.kinds.training_run.engines.port import Engine, Subject
from pawl_operator.kinds.training_run.observe import engine_of
from pawl_operator.kinds.training_run.snapshot import EngineName
from pawl_operator.kube.apply import MANAGER
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import TRAINING_RUNS, Ref
from pawl_operator.store import ObjectStore


class TrainingApplier:
    """Carries out actions through the ports; one per process."""

    def __init__(self, kube: KubePort, store: ObjectStore, engines: Mapping[EngineName, Engine]) -> None:
        self._kube, self._store, self._engines = kube, store, engines

    async def carry_out(self, subject: Subject, action: Action) -> bool:
        """Do one action; True when something changed in the cluster.

        Raises:
            InvalidSpec: an attempt is refused as it is written.
            PawlError: it could not be done.
        """
        engine = self._engines[engine_of(subject.run)]
        match action:
            case StartAttempt():
                return await engine.start(subject, action)
            case RetireAttempt():
                return await engine.retire(subject, action)
            case AddFinalizer():
                return await self._finalizers(subject, add=True)
            case RemoveFinalizer():
                return await self._finalizers(subject, add=False)
            case DeleteRun():
                return await self._delete(subject)

    async def _finalizers(self, subject: Subject, *, add: bool) -> bool:
        ref = Ref(TRAINING_RUNS, subject.namespace, subject.name)
        live = self._store.get(ref)
        held = list(live["metadata"].get("finalizers") or []) if live is not None else []
        if live is None or (FINALIZER in held) == add:
            return False
        wanted = [*held, FINALIZER] if add else [entry for entry in held if entry != FINALIZER]
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
        ops = [version, {"op": "add", "path": "/metadata/finalizers", "value": wanted}]
        try:
            patched = await self._kube.json_patch(ref, ops, manager=MANAGER)
        except NotFound:
            return False
        if patched["metadata"].get("deletionTimestamp") and not wanted:
            self._store.remove(TRAINING_RUNS, patched)
        else:
            self._store.put(TRAINING_RUNS, patched)
        return True

    async def _delete(self, subject: Subject) -> bool:
        try:
            await self._kube.delete(Ref(TRAINING_RUNS, subject.namespace, subject.name), uid=subject.uid)
        except Conflict:
            return False
        return True
