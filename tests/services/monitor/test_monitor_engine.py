"""Several releases at once: which are followed, for how long, and that one's trouble is not another's."""

from typing import Any

import pytest
from evidence_world import SECOND, SetClockDatabase, World, make_release, micros

from pawl.evidence import STABLE
from pawl_services.monitor.closing import score_window
from pawl_services.monitor.engine import KEEP, Engine, Sighting
from pawl_services.monitor.release import Release
from pawl_services.monitor.totals import UserScore
from pawl_services.monitor.views import View

NOW = 1_764_000_000.0


def never() -> bool:
    return False


def look(engine: Engine, database: SetClockDatabase, at: float, sighting: Sighting | None) -> dict[str, View]:
    database.now = micros(at)
    return {view.header.release.uid: view for view in engine.tick(sighting, never)}


def seen(*releases: Release) -> Sighting:
    return Sighting(releases)


def users(view: View) -> int:
    return view.groups[1, "accuracy"].totals.arm(STABLE).users


def test_a_release_is_followed_until_a_day_after_its_end(database: SetClockDatabase) -> None:
    world = World(database, make_release())
    uid = world.release.uid
    engine = Engine(database, lambda: NOW)
    world.judge(world.say("ada", "stable", 0), 1)
    assert look(engine, database, 2, seen(world.release))[uid].header.ended is None
    world.judge(world.say("bob", "stable", 8), 9)
    assert look(engine, database, 5, seen())[uid].header.ended == micros(5)
    assert users(look(engine, database, 60, seen())[uid]) == 1
    day = KEEP / SECOND
    assert uid in look(engine, database, 4 + day, seen())
    assert uid not in look(engine, database, 6 + day, seen())
    assert uid not in look(Engine(database, lambda: NOW), database, 100 + 2 * day, seen())


def test_a_new_engine_follows_ended_releases_too(database: SetClockDatabase) -> None:
    world = World(database, make_release())
    world.judge(world.say("ada", "stable", 0), 1)
    engine = Engine(database, lambda: NOW)
    look(engine, database, 2, seen(world.release))
    look(engine, database, 3, seen())
    found = look(Engine(database, lambda: NOW), database, 60, seen())
    assert users(found[world.release.uid]) == 1


def test_silence_of_the_cluster_ends_nothing(database: SetClockDatabase) -> None:
    release = make_release()
    engine = Engine(database, lambda: NOW)
    look(engine, database, 1, seen(release))
    assert look(engine, database, 2, None)[release.uid].header.ended is None
    unread = Sighting((), frozenset({release.uid}))
    assert look(engine, database, 3, unread)[release.uid].header.ended is None
    assert look(engine, database, 4, seen())[release.uid].header.ended == micros(4)
    assert look(engine, database, 5, seen(release))[release.uid].header.ended is None


def test_trouble_with_one_release_does_not_stop_another(
    database: SetClockDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = World(database, make_release()), World(database, make_release())
    for world in (bad, good):
        world.judge(world.say("ada", "stable", 0), 1)
    now = [NOW]
    engine = Engine(database, lambda: now[0])
    look(engine, database, 2, seen(bad.release, good.release))
    now[0] += 60

    def broken(release: Release, *rest: Any) -> UserScore:
        if release == bad.release:
            raise ZeroDivisionError
        return score_window(release, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("pawl_services.monitor.track.score_window", broken)
        found = look(engine, database, 20, seen(bad.release, good.release))
    assert users(found[good.release.uid]) == 1
    # Its evidence grows old, which the operator sees; nothing is taken back.
    assert found[bad.release.uid].computed_at == NOW
    assert engine.failed["ZeroDivisionError"] == 1
    found = look(engine, database, 30, seen(bad.release, good.release))
    assert {users(view) for view in found.values()} == {1}
    assert found[bad.release.uid].computed_at == NOW + 60


def test_what_another_monitor_wrote_is_read_again(database: SetClockDatabase) -> None:
    world = World(database, make_release())
    one, two = Engine(database, lambda: NOW), Engine(database, lambda: NOW)
    world.judge(world.say("ada", "stable", 0), 1)
    look(one, database, 2, seen(world.release))
    look(two, database, 20, seen(world.release))
    world.judge(world.say("bob", "stable", 21), 22)
    # The first no longer knows the truth: it exports nothing of this release until it has read it.
    assert look(one, database, 23, seen(world.release)) == {}
    assert users(look(one, database, 60, seen(world.release))[world.release.uid]) == 2
    assert one.failed["outdated"] == 1


def test_without_the_lead_nothing_is_advanced(database: SetClockDatabase) -> None:
    leads = [True]
    world = World(database, make_release())
    engine = Engine(database, lambda: NOW, lambda: leads[0])
    look(engine, database, 1, seen(world.release))
    leads[0] = False
    world.judge(world.say("ada", "stable", 2), 3)
    assert look(engine, database, 60, seen(world.release))[world.release.uid].groups == {}
    engine.forget()
    leads[0] = True
    assert users(look(engine, database, 61, seen(world.release))[world.release.uid]) == 1


def test_evidence_that_is_behind_does_not_look_current(
    database: SetClockDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, now = World(database, make_release()), [NOW]
    engine = Engine(database, lambda: now[0])
    look(engine, database, 1, seen(world.release))
    monkeypatch.setattr("pawl_services.monitor.track.DUE_AT_ONCE", 2)
    for number in range(5):
        world.judge(world.say(f"u{number}", "stable", 2), 3)
    now[0], database.now = NOW + 60, micros(60)
    [view] = engine.tick(seen(world.release), lambda: True)
    assert (users(view), view.computed_at) == (2, NOW)
    [view] = engine.tick(seen(world.release), never)
    assert (users(view), view.computed_at) == (5, NOW + 60)
    # One that has to read everything first says nothing before it has.
    assert Engine(database, lambda: now[0]).tick(seen(world.release), never) != ()


def test_a_tick_out_of_time_leaves_the_rest_for_the_next(database: SetClockDatabase) -> None:
    releases = [make_release() for _ in range(3)]
    engine = Engine(database, lambda: NOW)
    database.now = micros(1)
    left = [1]

    def expired() -> bool:
        left[0] -= 1
        return left[0] < 0

    assert len(engine.tick(seen(*releases), expired)) == 2
    left[0] = 1
    assert len(engine.tick(seen(*releases), expired)) == 3
