"""New examples of LearningLoops: who is counted for, what is exported, and what a failure leaves as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evidence_world import SECOND, START, SetClockDatabase, World, make_release
from monitor_objects import component
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from pawl.evidence import Sample
from pawl.new_examples import NewExamples, parse_new_examples
from pawl_services.db.engine import Database, open_database
from pawl_services.monitor.kube import KubeError
from pawl_services.monitor.leader import Leader
from pawl_services.monitor.learning import LearningLoops, loops_of

LEARNED = "2025-11-24T16:00:10Z"
MARK = START + 3600 * SECOND
WALL = 1_764_003_600.0


class Lead(Leader):
    def __init__(self) -> None:
        self.term, self.held = 1, True

    def leading(self) -> bool:
        return self.held


class Api:
    def __init__(self, *loops: dict[str, Any], **changes: Any) -> None:
        self.objects = {"learningloops": list(loops), "components": [component("demo", **changes)]}
        self.error: Exception | None = None

    async def list_all(self, plural: str, _: tuple[str, ...]) -> list[dict[str, Any]]:
        if self.error is not None:
            raise self.error
        return self.objects[plural]


def loop(name: str = "facts", learned_until: object = None, component: str = "facts") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "demo", "uid": f"uid-{name}"},
        "spec": {"component": component},
        "status": {} if learned_until is None else {"learnedUntil": learned_until},
    }


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SetClockDatabase]:
    opened = open_database(f"sqlite:///{tmp_path / 'pawl.db'}")
    set_clock = SetClockDatabase(opened.engine)
    set_clock.now = MARK
    yield set_clock
    opened.close()


class Counting:
    """The counter with its registry and what the operator reads of it."""

    def __init__(self, api: Api, database: Database) -> None:
        self.lead, self.wall, self.registry = Lead(), [WALL], CollectorRegistry()
        self.loops = LearningLoops(api, database, self.lead, wall=lambda: self.wall[0])
        self.registry.register(self.loops)

    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def read(self) -> dict[str, NewExamples]:
        families = text_string_to_metric_families(self.text())
        return parse_new_examples(
            Sample(sample.name, {**sample.labels, "instance": "m"}, sample.value)
            for family in families
            for sample in family.samples
        )

    def count(self, name: str = "facts") -> int | None:
        found = self.read().get(f"uid-{name}")
        return found.count if found is not None and found.flaw is None else None


def world_of(database: Database) -> World:
    return World(database, make_release(namespace="demo"))


async def test_labels_that_say_the_truth_count_once_each_and_from_the_last_learning_on(
    database: SetClockDatabase,
) -> None:
    world = world_of(database)
    old, new, twice = (world.say(user, "stable", 1) for user in ("a", "b", "c"))
    world.judge(old, 5)
    world.judge(new, 3600 * 9)  # not received yet: after the watermark
    world.judge(twice, 20)
    world.judge(twice, 30)
    world.judge(world.say("d", "stable", 11), 12, kind="confirmation", value={})
    world.judge(world.say("e", "stable", 11), 12, value={"truth": [], "release_evidence": False})
    world.judge(world.say("f", "stable", 11, raw={"training": False}), 12)
    world.judge(world.say("g", "stable", 11, component="trust"), 12)
    counting = Counting(Api(loop(learned_until=LEARNED), loop("ever")), database)
    assert counting.text() == ""
    await counting.loops.turn()
    assert (counting.count(), counting.count("ever")) == (2, 3)
    assert 'object="facts",object_kind="LearningLoop",object_namespace="demo",uid="uid-facts"' in counting.text()
    computed = counting.read()["uid-facts"].computed_at
    assert computed is not None
    assert computed.timestamp() == WALL


async def test_the_component_says_which_labels_are_the_truth(database: SetClockDatabase) -> None:
    world = world_of(database)
    world.judge(world.say("a", "stable", 1), 5)
    world.judge(world.say("b", "stable", 1), 5, kind="confirmation", value={"truth": []})
    rules = [{"kind": "correction", "truth": "None"}, {"kind": "confirmation", "truth": "Given"}]
    counting = Counting(Api(loop(), labels=rules), database)
    await counting.loops.turn()
    assert counting.count() == 1


@pytest.mark.parametrize("what", ["list", "silence", "database"])
async def test_what_fails_leaves_the_count_to_grow_old(
    database: SetClockDatabase, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    api = Api(loop())
    counting = Counting(api, database)
    await counting.loops.turn()
    before = counting.text()
    counting.wall[0] += 100

    def away() -> int:
        raise OperationalError("x", None, Exception("away"))

    if what == "database":
        monkeypatch.setattr(database, "watermark", away)
    else:
        api.error = KubeError("GET: 403") if what == "list" else TimeoutError()
    await counting.loops.turn()
    assert counting.text() == before
    assert "new_examples" in before


async def test_without_the_lead_and_in_a_new_term_nothing_old_is_said(database: SetClockDatabase) -> None:
    counting = Counting(Api(loop()), database)
    await counting.loops.turn()
    counting.lead.held = False
    assert counting.text() == ""
    counting.lead.held, counting.lead.term = True, 2
    assert counting.text() == ""
    await counting.loops.turn()
    assert counting.count() == 0


async def test_a_loop_that_is_gone_is_no_longer_exported(database: SetClockDatabase) -> None:
    api = Api(loop(), loop("other"))
    counting = Counting(api, database)
    await counting.loops.turn()
    api.objects["learningloops"].pop()
    await counting.loops.turn()
    assert counting.read().keys() == {"uid-facts"}


@pytest.mark.parametrize(
    "broken",
    [
        loop(component="missing"),
        loop(learned_until="yesterday"),
        loop(learned_until="2025-11-24T16:00:10"),
        loop(learned_until=5),
        {"metadata": {"namespace": "demo"}, "spec": {"component": "facts"}},
        {},
    ],
)
def test_a_loop_that_cannot_be_read_hides_no_other(broken: dict[str, Any]) -> None:
    assert [found.name for found in loops_of([broken, loop("good")], [component()])] == ["good"]


def test_learned_until_is_read_to_the_microsecond() -> None:
    (found,) = loops_of([loop(learned_until="2025-11-24T17:00:10.000001+01:00")], [component()])
    assert found.learned_until == START + 10 * SECOND + 1
