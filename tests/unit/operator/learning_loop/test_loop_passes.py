"""Whole passes over a LearningLoop against an API server in memory: what is written, in which order, and what fails."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loop_world import START, LoopWorld, spec, stamp, version

from pawl.errors import Conflict, PermissionDenied
from pawl.new_examples import NewExamples
from pawl_operator.kinds.learning_loop.controller import LearningLoopController
from pawl_operator.kinds.learning_loop.observe import LoopObserver
from pawl_operator.kube.port import Object, PatchOps
from pawl_operator.kube.resources import (
    COMPONENTS,
    EVENTS,
    EXPERIMENTS,
    LEARNING_LOOPS,
    ROLLOUTS,
    TRAINING_RUNS,
    Ref,
    Resource,
)
from pawl_operator.need_source import Reading
from pawl_operator.store import ObjectStore

LOOP = Ref(LEARNING_LOOPS, "demo", "facts")
ROLLOUT = Ref(ROLLOUTS, "demo", "chat")
RUN = Ref(TRAINING_RUNS, "demo", "facts-1")
MAX_AGE = timedelta(seconds=45)


class Needs:
    """A count that is always fresh."""

    max_age = MAX_AGE

    def __init__(self, count: int) -> None:
        self.count = count

    def about(self, _uid: str) -> Reading:
        now = datetime.now(UTC)
        return Reading(NewExamples(self.count, now), now, now)


class Memory:
    """An API server in memory with the loop, its Component and its Rollout; `refuse` fails calls by verb and kind."""

    def __init__(self, count: int = 100, **changes: Any) -> None:
        self.objects: dict[Ref, Object] = {}
        self.log: list[str] = []
        self.woken: list[Ref] = []
        self.refuse: dict[tuple[str, str], Exception] = {}
        self.version = 0
        self.store, self.needs = ObjectStore(), Needs(count)
        self.controller = LearningLoopController(
            self, self.store, LoopObserver(self.store, self.needs), self.woken.append
        )  # type: ignore[arg-type]
        world = LoopWorld()
        self.add(LEARNING_LOOPS, "facts", spec(**changes))
        self.add(COMPONENTS, "facts", {"score": "span-f1"})
        self.add(ROLLOUTS, "chat", world.rollout_spec, world.rollout_status)

    def add(self, resource: Resource, name: str, body: Object, status: Object | None = None, **meta: Any) -> Object:
        self.version += 1
        metadata = {"name": name, "namespace": "demo", "uid": f"uid-{name}-{self.version}", "generation": 1}
        metadata |= {"creationTimestamp": stamp(START), **meta}
        made = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": body}
        return self.put(Ref(resource, "demo", name), made | {"status": status or {}})

    def put(self, ref: Ref, body: Object) -> Object:
        self.version += 1
        body = copy.deepcopy(body)
        body["metadata"]["resourceVersion"] = str(self.version)
        self.objects[ref] = body
        self.store.put(ref.resource, body)
        return copy.deepcopy(body)

    def called(self, verb: str, ref: Ref) -> None:
        self.log.append(f"{verb} {ref.resource.kind}")
        if (verb, ref.resource.kind) in self.refuse:
            raise self.refuse[verb, ref.resource.kind]

    async def get(self, ref: Ref, *, urgent: bool = False) -> Object | None:
        return copy.deepcopy(self.objects.get(ref))

    async def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        ref = Ref(resource, namespace, body["metadata"]["name"])
        if resource == EVENTS:
            return body
        self.called("create", ref)
        if ref in self.objects:
            raise Conflict("exists")
        meta = {"uid": f"uid-{self.version}", "creationTimestamp": stamp(START)}
        return self.put(ref, body | {"metadata": body["metadata"] | meta})

    async def replace_status(self, ref: Ref, body: Object) -> Object:
        self.called("status", ref)
        held = self.objects[ref]
        if held["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise Conflict("changed")
        return self.put(ref, held | {"status": body["status"]})

    async def apply(self, ref: Ref, body: Object, *, manager: str) -> Object:
        self.called(f"apply as {manager}", ref)
        held = self.objects[ref]
        candidate = held["spec"].get("candidate", {}) | body["spec"]["candidate"]
        return self.put(ref, held | {"spec": held["spec"] | {"candidate": candidate}})

    async def json_patch(self, ref: Ref, ops: PatchOps, *, manager: str, urgent: bool = False) -> Object:
        self.called(f"patch as {manager}", ref)
        held = self.objects[ref]
        assert ops[0] == {
            "op": "test",
            "path": "/metadata/resourceVersion",
            "value": held["metadata"]["resourceVersion"],
        }
        return self.put(ref, held | {"spec": held["spec"] | {"candidate": ops[1]["value"]}})

    async def delete(self, ref: Ref, *, uid: str = "") -> None:
        self.called("delete", ref)
        assert self.objects[ref]["metadata"]["uid"] == uid
        del self.objects[ref]

    async def passes(self, most: int = 8) -> list[float | None]:
        return [await self.controller.reconcile(LOOP) for _ in range(most)]

    def status(self) -> Object:
        return dict(self.objects[LOOP]["status"])

    def reconciled(self) -> tuple[str, str] | None:
        found = [entry for entry in self.status()["conditions"] if entry["type"] == "Reconciled"]
        return (found[0]["reason"], found[0]["message"]) if found else None


async def test_the_status_says_which_turn_it_is_before_the_child_is_made() -> None:
    memory = Memory()
    await memory.passes(1)
    assert memory.log == ["status LearningLoop", "create TrainingRun"]
    later = await memory.passes()
    assert memory.log == ["status LearningLoop", "create TrainingRun", "status LearningLoop"]
    assert later[-1] is not None
    assert 0 < later[-1] <= MAX_AGE.total_seconds() + 2
    assert memory.status()["active"] == "TrainingRun/facts-1"
    assert memory.status()["turns"][0]["trainingRun"] == "facts-1"
    assert memory.woken == [RUN]


async def test_a_child_that_was_made_before_a_kill_is_taken_up_although_the_watch_lags() -> None:
    memory = Memory()
    await memory.passes(1)
    memory.store.remove(TRAINING_RUNS, memory.objects[RUN])
    memory.store._gone.clear()
    await memory.passes()
    assert [call for call in memory.log if call == "create TrainingRun"] == ["create TrainingRun"] * 2
    assert memory.status()["turns"][0]["trainingRun"] == "facts-1"


async def test_a_name_that_somebody_else_took_ends_the_turn() -> None:
    memory = Memory()
    body = memory.add(TRAINING_RUNS, "facts-1", {"component": "facts", "trainer": "policy"})
    memory.store.remove(TRAINING_RUNS, body)
    memory.store._gone.clear()
    await memory.passes()
    assert [record["reason"] for record in memory.status()["history"]] == ["NameTaken"]
    assert memory.objects[RUN]["spec"]["trainer"] == "policy"


async def test_a_refused_child_is_told_and_tried_again() -> None:
    memory = Memory()
    memory.refuse["create", "TrainingRun"] = PermissionDenied("exceeded quota")
    later = await memory.passes(4)
    assert memory.reconciled() == ("RepairFailed", "CreateTrainingRun 1: exceeded quota")
    assert later[-1] == 10
    memory.refuse.clear()
    await memory.passes()
    assert memory.reconciled() is None
    assert RUN in memory.objects


async def test_a_status_that_cannot_be_written_lets_nothing_happen_after_it() -> None:
    memory = Memory()
    memory.refuse["status", "LearningLoop"] = Conflict("changed")
    with pytest.raises(Conflict):
        await memory.passes(1)
    assert RUN not in memory.objects


async def test_the_candidate_is_set_before_the_status_and_without_an_override_of_another_version() -> None:
    memory = Memory(stage="None", experimentTemplate=None)
    await memory.passes()
    rollout = memory.objects[ROLLOUT]
    old = {"source": "none", "serve": {"image": "other:1"}}
    memory.put(ROLLOUT, rollout | {"spec": rollout["spec"] | {"candidate": old}})
    memory.put(RUN, memory.objects[RUN] | {"status": {"phase": "Succeeded", "registered": version(1).to_wire()}})
    memory.needs.count = 0
    memory.log.clear()
    await memory.passes()
    assert memory.log[:3] == ["patch as pawl-promote Rollout", "apply as pawl-promote Rollout", "status LearningLoop"]
    assert memory.objects[ROLLOUT]["spec"]["candidate"] == version(1).to_wire()
    assert memory.status()["phase"] == "Releasing"
    assert memory.woken[-1] == ROLLOUT


async def test_a_candidate_that_may_not_be_set_leaves_the_turn_where_it_is() -> None:
    memory = Memory(stage="None", experimentTemplate=None)
    await memory.passes()
    memory.put(RUN, memory.objects[RUN] | {"status": {"phase": "Succeeded", "registered": version(1).to_wire()}})
    memory.refuse["apply as pawl-promote", "Rollout"] = PermissionDenied("no")
    with pytest.raises(PermissionDenied):
        await memory.passes(1)
    assert memory.status()["turns"][0]["state"] == "Training"


async def test_what_is_left_over_is_deleted_by_uid() -> None:
    memory = Memory(concurrencyPolicy="Replace")
    await memory.passes()
    memory.needs.count = 200
    await memory.passes()
    assert "delete TrainingRun" in memory.log
    assert RUN not in memory.objects
    assert memory.status()["active"] == "TrainingRun/facts-2"


async def test_a_loop_that_is_gone_or_going_is_left_alone() -> None:
    memory = Memory()
    body = memory.objects[LOOP]
    memory.put(LOOP, body | {"metadata": body["metadata"] | {"deletionTimestamp": stamp(START)}})
    await memory.passes()
    assert memory.log == []
    memory.store.remove(LEARNING_LOOPS, memory.objects[LOOP])
    assert await memory.passes(1) == [None]


async def test_of_two_loops_for_one_component_the_older_one_learns() -> None:
    memory = Memory()
    memory.add(LEARNING_LOOPS, "elder", spec(), creationTimestamp=stamp(START - timedelta(days=1)))
    await memory.passes()
    accepted = next(entry for entry in memory.status()["conditions"] if entry["type"] == "Accepted")
    assert (accepted["reason"], RUN in memory.objects) == ("ComponentClaimed", False)
    assert "elder" in accepted["message"]


async def test_only_children_of_this_very_loop_are_its_own() -> None:
    memory = Memory()
    owner = {"apiVersion": "pawl.dev/v1alpha1", "kind": "LearningLoop", "name": "facts", "uid": "uid-before"}
    old = {"ownerReferences": [owner | {"controller": True}]}
    memory.add(TRAINING_RUNS, "facts-1", {"component": "facts", "trainer": "policy"}, **old)
    arms = [{"name": "a", "role": "Control"}, {"name": "b", "role": "Treatment", "source": "none"}]
    metrics = [{"name": "accuracy", "role": "Primary"}]
    body = {"rolloutRef": {"name": "chat"}, "metrics": metrics, "variants": arms}
    memory.add(EXPERIMENTS, "facts-2", body)
    memory.add(EXPERIMENTS, "facts-007", body)
    await memory.passes()
    assert memory.status()["active"] == "TrainingRun/facts-3"
