"""Carry out the actions of a plan through the port; every one may be repeated.

Answers go into the store at once, so the next pass sees a child that was just made even if the watch lags. To the
watch they are no news then: whoever reconciles them is woken here.
"""

from collections.abc import Callable

from pawl.api.training_run import Registered
from pawl.errors import Conflict
from pawl_operator.kinds.learning_loop import manifests
from pawl_operator.kinds.learning_loop.actions import (
    Action,
    CreateExperiment,
    CreateTrainingRun,
    DeleteChild,
    SetCandidate,
)
from pawl_operator.kinds.learning_loop.manifests import LoopSubject
from pawl_operator.kinds.promote import set_candidate
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import EXPERIMENTS, ROLLOUTS, TRAINING_RUNS, Ref
from pawl_operator.store import ObjectStore

_KINDS = {"TrainingRun": TRAINING_RUNS, "Experiment": EXPERIMENTS}


class LoopApplier:
    """Carries out actions; one per process. `wake` lets an object be looked at that was written here."""

    def __init__(self, kube: KubePort, store: ObjectStore, wake: Callable[[Ref], object]) -> None:
        self._kube, self._store, self._wake = kube, store, wake

    async def carry_out(self, subject: LoopSubject, action: Action) -> bool:
        """Do one action; True when something changed in the cluster.

        Raises:
            PawlError: it could not be done.
        """
        match action:
            case CreateTrainingRun():
                return await self._create(manifests.training_run(subject, action))
            case CreateExperiment():
                return await self._create(manifests.experiment(subject, action))
            case DeleteChild():
                return await self._delete(subject, action)
            case SetCandidate():
                return await self._set_candidate(subject, action.version)

    async def _create(self, body: Object) -> bool:
        resource, metadata = _KINDS[body["kind"]], body["metadata"]
        ref = Ref(resource, metadata["namespace"], metadata["name"])
        try:
            made: Object | None = await self._kube.create(resource, ref.namespace, body)
        except Conflict:
            # Made before a kill, or somebody else's: the next pass tells by its owner.
            made = await self._kube.get(ref)
        if made is not None:
            self._written(ref, made)
        return True

    async def _delete(self, subject: LoopSubject, action: DeleteChild) -> bool:
        ref = Ref(_KINDS[action.kind], subject.namespace, action.name)
        live = self._store.get(ref)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return False
        await self._kube.delete(ref, uid=action.uid)
        found = await self._kube.get(ref)
        if found is not None and found["metadata"]["uid"] == action.uid:
            self._written(ref, found)
        else:
            self._store.remove(ref.resource, live)
        return True

    async def _set_candidate(self, subject: LoopSubject, wanted: Registered) -> bool:
        body = manifests.candidate(subject, wanted)
        ref = Ref(ROLLOUTS, subject.namespace, body["metadata"]["name"])
        self._written(ref, await set_candidate(self._kube, ref, body["spec"]["candidate"]))
        return True

    def _written(self, ref: Ref, body: Object) -> None:
        self._store.put(ref.resource, body)
        self._wake(ref)
