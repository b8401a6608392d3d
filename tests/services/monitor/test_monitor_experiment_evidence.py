"""An Experiment from its interactions to what the operator reads: which count, until when, and what restarts change."""

from pathlib import Path
from typing import Any

import pytest
from evidence_world import RIGHT, SECOND, WRONG, SetClockDatabase, World, make_release, micros
from fake_kube import FakeKube, served
from monitor_objects import component, experiment, idle_rollout
from monitor_process import Traffic, evidence_in, monitor_process
from polling import wait_until
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import select, update

from pawl.evidence import CANDIDATE, STABLE, MetricEvidence
from pawl_services.db.engine import open_database
from pawl_services.db.tables import evidence_state
from pawl_services.monitor.engine import KEEP, Engine, Sighting
from pawl_services.monitor.export import EvidenceCollector
from pawl_services.monitor.sighting import sight

UID = "e1"
SPEC = {"analysis": {"window": "10s", "labelDelay": "5s"}}
TWIN = {"uid": UID, "namespace": "demo", "number": 1}
STARTED = "2025-11-24T16:00:00Z"
"""The world's own start."""


def manifest(phase: str = "Running", **spec: Any) -> dict[str, Any]:
    found = experiment(phase=phase, **{**SPEC, **spec})
    found["status"]["startedAt"] = STARTED
    return found


def heard(*experiments: dict[str, Any]) -> Sighting:
    return sight([idle_rollout()], [component()], experiments)


def world_of(database: SetClockDatabase, **changes: object) -> World:
    """What the treatment (candidate) and the control (stable) of the Experiment answer."""
    return World(database, make_release(**{**TWIN, **changes}))


def talk(world: World, arm: str, users: range, at: float, *, output: object = RIGHT, **changes: Any) -> None:
    for number in users:
        world.judge(world.say(f"{arm}-{number}", arm, at, output=output, **changes), at + 1)


def read(engine: Engine, database: SetClockDatabase, at: float, sighting: Sighting | None) -> MetricEvidence | None:
    """What the operator reads of the Experiment after one look."""
    database.now = micros(at)
    collector, registry = EvidenceCollector(lambda: True), CollectorRegistry()
    collector.publish(engine.tick(sighting, lambda: False))
    registry.register(collector)
    found = evidence_in(generate_latest(registry).decode()).get(UID)
    assert found is None or (found.release, found.dropped) == (1, ())
    return found.metrics[0] if found is not None and found.metrics else None


def users(evidence: MetricEvidence | None) -> dict[str, int]:
    return {arm: sums.users for arm, sums in evidence.arms.items()} if evidence is not None else {}


def test_interactions_of_both_arms_become_evidence_with_the_number_of_answers(database: SetClockDatabase) -> None:
    world, engine = world_of(database), Engine(database)
    talk(world, CANDIDATE, range(4), 0, output=WRONG)
    talk(world, STABLE, range(16), 0)
    talk(world, STABLE, range(16), 2)
    # Nothing said, or nothing to say: neither is a sample.
    world.say("stable-0", STABLE, 3)
    world.judge(world.say("stable-1", STABLE, 3, output=[]), 4, truth=[])
    found = read(engine, database, 60, heard(manifest()))
    assert found is not None
    assert (found.step, users(found)) == (1, {STABLE: 16, CANDIDATE: 4})
    assert (found.arms[STABLE].ratio, found.arms[CANDIDATE].ratio) == (1.0, 0.0)
    assert found.samples == {STABLE: 32, CANDIDATE: 4}
    assert found.log_e["srm"] < 0


def test_a_share_that_nobody_asked_for_is_told(database: SetClockDatabase) -> None:
    world, engine = world_of(database), Engine(database)
    talk(world, CANDIDATE, range(90), 0)
    talk(world, STABLE, range(40), 0)
    found = read(engine, database, 60, heard(manifest(weight=20)))
    assert found is not None
    # ln(1 / 0.01)
    assert found.log_e["srm"] > 4.6


def test_what_is_not_its_own_does_not_count(database: SetClockDatabase) -> None:
    world, engine = world_of(database), Engine(database)
    talk(world, CANDIDATE, range(3), 0)
    talk(world, STABLE, range(3), 0)
    talk(world, CANDIDATE, range(5, 9), 0, step=2)
    talk(world, STABLE, range(5, 9), 0, release=2)
    # At the end the route leads the treatment's users to stable, as the Rollout's own.
    talk(world, CANDIDATE, range(9, 12), 0, rollout="u1")
    talk(world, CANDIDATE, range(12, 15), 0, revision="a" * 10)
    found = read(engine, database, 60, heard(manifest()))
    assert users(found) == {STABLE: 3, CANDIDATE: 3}


def test_pairs_of_both_arms_count_as_samples_of_their_own(database: SetClockDatabase) -> None:
    world, engine = world_of(database, pairing="Mirror"), Engine(database)
    for number in range(5):
        answer = world.say(f"u{number}", STABLE, 0)
        world.judge(answer, 1)
        world.predict(answer, CANDIDATE, 1, output=WRONG)
    pairing = {"analysis": {**SPEC["analysis"], "pairing": {"mode": "Mirror"}}}
    found = read(engine, database, 60, heard(manifest(mode="Shadow", **pairing)))
    assert found is not None
    assert found.paired is not None
    assert (found.paired.users, found.paired.mean) == (5, -1.0)
    assert found.samples == {STABLE: 5, "paired": 5}
    # In Shadow nobody meets the treatment, and nobody should.
    assert "srm" not in found.log_e


@pytest.mark.parametrize("last", [(manifest("Complete"),), ()])
def test_an_ended_experiment_is_kept_for_a_day_and_takes_in_nothing_more(
    database: SetClockDatabase, last: tuple[dict[str, Any], ...]
) -> None:
    world, engine = world_of(database), Engine(database)
    talk(world, STABLE, range(2), 0)
    read(engine, database, 2, heard(manifest()))
    read(engine, database, 5, heard(*last))
    talk(world, STABLE, range(2, 9), 8)
    assert users(read(engine, database, 60, heard(*last))) == {STABLE: 2}
    assert users(read(Engine(database), database, 61, heard(*last))) == {STABLE: 2}
    day = KEEP / SECOND
    assert users(read(engine, database, 4 + day, heard(*last))) == {STABLE: 2}
    assert read(engine, database, 6 + day, heard(*last)) is None


def test_silence_or_an_unreadable_experiment_ends_nothing(database: SetClockDatabase) -> None:
    world, engine = world_of(database), Engine(database)
    read(engine, database, 1, heard(manifest()))
    unread = manifest()
    unread["spec"]["mode"] = "Telepathy"
    read(engine, database, 2, heard(unread))
    read(engine, database, 3, None)
    read(engine, database, 4, sight([], [component()], [manifest()]))
    talk(world, STABLE, range(3), 5)
    # Unreadable from the start, for a monitor that has just begun: what is stored goes on.
    assert users(read(Engine(database), database, 60, heard(unread))) == {STABLE: 3}


def test_state_of_a_monitor_that_did_not_count_samples_goes_on(database: SetClockDatabase) -> None:
    world = world_of(database)
    talk(world, STABLE, range(3), 0)
    read(Engine(database), database, 20, heard(manifest()))
    table = evidence_state.c
    with database.write() as connection:
        where = (table.object_uid == UID, table.metric == "accuracy")
        state = connection.execute(select(table.state).where(*where)).scalar_one()
        del state["totals"]["samples"]
        connection.execute(update(evidence_state).where(*where).values(state=state))
    talk(world, STABLE, range(3, 5), 30)
    found = read(Engine(database), database, 90, heard(manifest()))
    assert found is not None
    assert (users(found), found.samples) == ({STABLE: 5}, {STABLE: 2})


def test_the_process_follows_an_experiment_from_traffic_to_gauges(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url)
    traffic = Traffic(database, "demo", release=1, rollout=UID)
    running = experiment(analysis={"window": "1s"})
    kube = FakeKube({"rollouts": [idle_rollout()], "components": [component()], "experiments": [running]})
    with served(kube) as api, monitor_process(database_url, api, tmp_path, "m0") as monitor:
        wait_until(lambda: UID in monitor.evidence(), 60, monitor.metrics)
        traffic.users([f"s{number}" for number in range(8)], "stable")
        traffic.users([f"c{number}" for number in range(2)], "candidate", right=False)

        def samples() -> dict[str, int]:
            found = monitor.evidence()[UID].metrics
            return dict(found[0].samples) if found else {}

        wait_until(lambda: samples() == {"stable": 8, "candidate": 2}, 60, monitor.metrics)
        assert 'object_kind="Experiment"' in monitor.metrics()
        assert monitor.evidence()[UID].exposed_users == 2
    database.close()
