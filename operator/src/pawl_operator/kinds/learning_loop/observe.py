"""Gather everything `decide` may know about one LearningLoop into a snapshot; reads only what is in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from pawl.api.experiment import Experiment
from pawl.api.learning_loop import LearningLoop
from pawl.api.meta import ApiModel, Condition
from pawl.api.rollout import Rollout
from pawl.api.training_run import TrainingRun
from pawl.errors import InvalidSpec
from pawl_operator.kinds.learning_loop.snapshot import ExperimentState, LoopSnapshot, RunState
from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import (
    COMPONENTS,
    EXPERIMENTS,
    LEARNING_LOOPS,
    ROLLOUTS,
    TRAINING_RUNS,
    Ref,
    Resource,
)
from pawl_operator.need_source import NeedSource
from pawl_operator.store import ObjectStore

T = TypeVar("T", bound=ApiModel)


@dataclass(frozen=True, slots=True)
class LoopObserver:
    """Fills snapshots from the store and the source of needs."""

    store: ObjectStore
    needs: NeedSource

    def observe(self, live: Object) -> LoopSnapshot:
        """Return the snapshot of a LearningLoop's body.

        Raises:
            InvalidSpec: the loop, its Rollout or a child does not have the shape of its kind.
        """
        loop, metadata = parse(LearningLoop, live), live["metadata"]
        namespace, uid = metadata["namespace"], metadata["uid"]
        known = self.needs.about(uid)
        rollout = self.store.get(Ref(ROLLOUTS, namespace, loop.spec.rollout_ref.name))
        return LoopSnapshot(
            loop=loop,
            uid=uid,
            generation=int(metadata.get("generation") or 0),
            created_at=_created(loop),
            component_exists=self.store.get(Ref(COMPONENTS, namespace, loop.spec.component)) is not None,
            rival=self._rival(live),
            rollout=parse(Rollout, rollout) if rollout is not None else None,
            runs={number: run_state(body) for number, body in self._owned(TRAINING_RUNS, live)},
            experiments={number: experiment_state(body) for number, body in self._owned(EXPERIMENTS, live)},
            taken=self._taken(live),
            examples=known.examples,
            asked_at=known.asked_at,
            fresh_at=known.fresh_at,
            max_age=self.needs.max_age,
        )

    def _owned(self, resource: Resource, live: Object) -> Iterator[tuple[int, Object]]:
        for number, body in self._named(resource, live):
            if is_owned(body, live["metadata"]["uid"]):
                yield number, body

    def _taken(self, live: Object) -> frozenset[int]:
        found = [entry for kind in (TRAINING_RUNS, EXPERIMENTS) for entry in self._named(kind, live)]
        return frozenset(number for number, body in found if not is_owned(body, live["metadata"]["uid"]))

    def _named(self, resource: Resource, live: Object) -> Iterator[tuple[int, Object]]:
        """Give the objects that are called `<loop>-<number>`."""
        prefix = f"{live['metadata']['name']}-"
        for body in self.store.list(resource, live["metadata"]["namespace"]):
            number = body["metadata"]["name"].removeprefix(prefix)
            if body["metadata"]["name"].startswith(prefix) and number.isdecimal() and number == str(int(number)):
                yield int(number), body

    def _rival(self, live: Object) -> str:
        """Return the oldest loop of the same component, unless that is this one."""
        others = [
            _age(body)
            for body in self.store.list(LEARNING_LOOPS, live["metadata"]["namespace"])
            if body["spec"].get("component") == live["spec"]["component"]
            and not body["metadata"].get("deletionTimestamp")
        ]
        oldest = min(others, default=_age(live))
        return oldest[1] if oldest < _age(live) else ""


def parse(kind: type[T], live: Object) -> T:
    """Return the typed object of a body.

    Raises:
        InvalidSpec: a field that we know has a value that our types refuse.
    """
    try:
        return kind.from_cluster(live)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join([kind.__name__, live["metadata"]["name"], *(str(part) for part in first["loc"])])
        raise InvalidSpec(first["msg"], field=field, remedy="install the CRDs of this version of Pawl") from error


def is_owned(body: Mapping[str, Any], uid: str) -> bool:
    """Return whether the object of that uid is the controller of `body`."""
    owners = body["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == uid and owner.get("controller") for owner in owners)


def run_state(body: Object) -> RunState:
    """Return what a loop has to know about a TrainingRun."""
    run = parse(TrainingRun, body)
    status, champion = run.status, run.spec.gate.champion
    done = _condition(status.conditions, "Succeeded")
    return RunState(
        name=run.metadata.name,
        uid=str(run.metadata.uid),
        created_at=_created(run),
        until=(status.dataset.until if status.dataset is not None else None) or _created(run),
        outcome=status.phase if status.phase in ("Succeeded", "Failed") else None,
        reason=done.reason if done is not None else "",
        message=status.message,
        refusal=_refusal(status.conditions),
        registered=status.registered,
        passed=status.gate.passed if status.gate is not None else None,
        champion=(champion.source, champion.digest) if champion is not None else ("", ""),
    )


def experiment_state(body: Object) -> ExperimentState:
    """Return what a loop has to know about an Experiment."""
    trial = parse(Experiment, body)
    treatment = next((arm for arm in trial.spec.variants if arm.role == "Treatment"), None)
    return ExperimentState(
        name=trial.metadata.name,
        uid=str(trial.metadata.uid),
        complete=trial.status.phase == "Complete",
        decision=trial.status.decision or "",
        message=trial.status.message,
        refusal=_refusal(trial.status.conditions),
        sets_candidate=trial.spec.on_ship == "SetCandidate",
        treatment=(treatment.source or "", treatment.digest) if treatment is not None else ("", ""),
    )


def _refusal(conditions: tuple[Condition, ...]) -> str:
    found = _condition(conditions, "Accepted")
    return f"{found.reason}: {found.message}" if found is not None and found.status == "False" else ""


def _condition(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    return next((entry for entry in conditions if entry.type == kind), None)


def _created(found: LearningLoop | TrainingRun) -> datetime:
    # The API server stamps every object; what has no stamp was never there.
    return found.metadata.creation_timestamp or datetime.now(UTC)


def _age(body: Object) -> tuple[str, str]:
    return str(body["metadata"].get("creationTimestamp") or ""), body["metadata"]["name"]
