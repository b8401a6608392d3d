"""Measures the monitor's looks at a database with much traffic, and checks that each reads only what is new."""

import time
import uuid

from evidence_world import RIGHT, SECOND, START, SetClockDatabase, make_release, micros

from pawl_services.db.tables import feedback, interactions
from pawl_services.monitor.header import Header
from pawl_services.monitor.release import Release
from pawl_services.monitor.store import Evidence
from pawl_services.monitor.track import Track

A_SECOND = 1_000
A_USER = 4
LABEL_EVERY = 10


def fill(database: SetClockDatabase, release: Release, first: int, count: int) -> None:
    """Write `count` interactions from number `first` on; nine of ten users are on stable, every tenth has a label."""
    numbers = range(first, first + count)
    labels = [_label(release, number) for number in numbers if number % LABEL_EVERY == 0]
    with database.write() as connection:
        connection.execute(interactions.insert(), [_interaction(release, number) for number in numbers])
        connection.execute(feedback.insert(), labels)


def measure(database: SetClockDatabase, count: int) -> str:
    """Take in `count` interactions, then nothing, then a hundred, then close them all; the figures in a line."""
    release = make_release(metrics=("accuracy", "latency"), window=10 * SECOND, delay=0)
    fill(database, release, 0, count)
    track = Track(database, Evidence(Header.new(release)))
    end = count / A_SECOND
    first = _timed(track, end)
    assert track.taken == count
    idle = _timed(track, end + 0.001)
    assert track.taken == count
    fill(database, release, count + 2, 100)
    small = _timed(track, end + 0.2)
    assert track.taken == count + 100
    closing = _timed(track, end + 60)
    started = time.perf_counter()
    again = Track(database, Evidence(track.header, track.groups))
    _timed(again, end + 60)
    restart = time.perf_counter() - started
    users = sum(track.groups[1, "latency"].totals.assigned.values())
    assert users == len({number // A_USER for number in [*range(count), *range(count + 2, count + 102)]})
    # Everybody was counted: after a restart nobody is observed again.
    assert again.open_windows == 0
    return (
        f"{database.backend}: {count} interactions taken in {first:.2f} s, an idle tick {idle * 1000:.1f} ms, "
        f"100 more {small * 1000:.0f} ms, the rest of {users} users closed in {closing:.2f} s, restart {restart:.2f} s"
    )


def _interaction(release: Release, number: int) -> dict[str, object]:
    user = number // A_USER
    moment = START + number * SECOND // A_SECOND
    arm = "candidate" if user % 10 == 0 else "stable"
    return {
        "namespace": release.namespace,
        "id": str(uuid.UUID(int=number)),
        "component": release.component,
        "user": f"{user:032x}",
        "key_id": "k",
        "time": moment,
        "received_at": moment,
        "input": "hello",
        "output": RIGHT,
        "latency_ms": 20.0,
        "revision": ("b" if arm == "candidate" else "a") * 10,
        "arm": arm,
        "rollout": release.uid,
        "release": release.number,
        "step": 1,
    }


def _label(release: Release, number: int) -> dict[str, object]:
    moment = START + number * SECOND // A_SECOND
    return {
        "namespace": release.namespace,
        "id": str(uuid.UUID(int=number)),
        "interaction": str(uuid.UUID(int=number)),
        "kind": "correction",
        "time": moment,
        "received_at": moment + 1,
        "value": {"truth": RIGHT},
    }


def _timed(track: Track, at: float) -> float:
    started = time.perf_counter()
    while not track.advance(micros(at)):
        pass
    return time.perf_counter() - started
