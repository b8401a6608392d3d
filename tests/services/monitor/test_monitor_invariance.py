"""Batch boundaries, restarts, failures and slices never change what is counted (Hypothesis, and an oracle)."""

from typing import Any
from uuid import uuid4

import pytest
from evidence_oracle import Expected, brute_pair, expected, mean, plain_span_f1
from evidence_world import RIGHT, WRONG, SetClockDatabase, World, make_release, micros
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from pawl.evidence import CANDIDATE
from pawl_services.db.tables import counted_users, evidence_batches
from pawl_services.monitor.accumulate import Group
from pawl_services.monitor.header import Header
from pawl_services.monitor.ledger import Entry, batch_of
from pawl_services.monitor.release import Release
from pawl_services.monitor.store import Evidence, OutdatedError, commit, load
from pawl_services.monitor.totals import Totals
from pawl_services.monitor.track import Track

LAST = 60.0
moments = st.integers(0, 160).map(lambda quarter: quarter / 4)
outputs = st.sampled_from([RIGHT, WRONG, [], RIGHT + WRONG])
events = st.fixed_dictionaries(
    {
        "user": st.sampled_from("abcde"),
        "arm": st.sampled_from(["stable", "candidate"]),
        "step": st.integers(1, 2),
        "at": moments,
        "output": outputs,
        "labels": st.lists(
            st.tuples(moments, st.sampled_from([RIGHT, WRONG, [], None]), st.integers(0, 9)), max_size=2
        ),
        "mirror": st.none() | st.tuples(moments, outputs),
    }
)
worlds = st.lists(events, min_size=1, max_size=12)
looks = st.lists(st.tuples(moments, st.booleans(), st.integers(1, 4)), max_size=6)


def fill(world: World, drawn: list[dict[str, Any]]) -> None:
    """Write a world; a label without a truth is a confirmation."""
    for item in drawn:
        answer = world.say(item["user"], item["arm"], item["at"], step=item["step"], output=item["output"])
        for at, truth, said in item["labels"]:
            kind, value = ("confirmation", {}) if truth is None else ("correction", {"truth": truth})
            world.judge(answer, at, kind=kind, value=value, time=micros(said))
        if item["mirror"] is not None:
            world.predict(
                answer,
                "candidate" if item["arm"] == "stable" else "stable",
                *item["mirror"][:1],
                output=item["mirror"][1],
            )


def opened(database: SetClockDatabase, release: Release, slice_size: int = 20_000) -> Track:
    with database.read() as connection:
        evidence = load(connection, *release.key)
    return Track(database, evidence or Evidence(Header.new(release)), slice_size=slice_size)


def finish(database: SetClockDatabase, release: Release, at: float = LAST) -> Track:
    track = opened(database, release)
    while not track.advance(micros(at)):
        pass
    return track


def check(world: World, groups: dict[tuple[int, str], Group], at: float = LAST) -> None:
    wanted = expected(world, micros(at), plain_span_f1)
    assert {step for step, _ in groups} == set(wanted)
    for (step, _), group in groups.items():
        check_group(group.totals, wanted[step])


def check_group(totals: Totals, wanted: Expected) -> None:
    assert {arm: count for arm, count in totals.assigned.items() if count} == dict(wanted.assigned)
    assert {arm: count for arm, count in totals.samples.items() if count} == {
        arm: count for arm, count in wanted.samples.items() if count
    }
    for arm, scores in wanted.arms.items():
        sums = totals.arm(arm)
        assert sums.users == len(scores)
        if scores:
            s, n = [score[0] for score in scores], [score[1] for score in scores]
            assert (sums.mean, sums.denominator_mean) == pytest.approx((mean(s), mean(n)))
            assert sums.m2 == pytest.approx(sum((x - mean(s)) ** 2 for x in s), abs=1e-9)
            assert sums.comoment == pytest.approx(
                sum((x - mean(s)) * (y - mean(n)) for x, y in zip(s, n, strict=True)), abs=1e-9
            )
    assert totals.pairs.count == len(wanted.pairs)
    pair = totals.paired()
    if pair is not None:
        assert (pair.mean, pair.m2) == pytest.approx(brute_pair(wanted.pairs), abs=1e-9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=worlds, looked=looks, mode=st.sampled_from([("Mirror", "HashedBucket"), ("None", "RequestWeights")]))
def test_looks_and_restarts_change_nothing(
    database: SetClockDatabase,
    drawn: list[dict[str, Any]],
    looked: list[tuple[float, bool, int]],
    mode: tuple[str, str],
) -> None:
    world = World(database, make_release(pairing=mode[0], mode=mode[1]))
    fill(world, drawn)
    track = opened(database, world.release)
    for at, restart, slice_size in sorted(looked):
        track = opened(database, world.release, slice_size) if restart else track
        # What the monitor may see at a look is what was received by then; the rest of the rows are in its future.
        while not track.advance(micros(at)):
            pass
    final = finish(database, world.release)
    check(world, dict(final.groups))
    check_records(database, world, dict(final.groups))


def check_records(database: SetClockDatabase, world: World, groups: dict[tuple[int, str], Group]) -> None:
    """The append-only batches add up to the state, and nobody is in two of them."""
    uid = world.release.uid
    with database.read() as connection:
        table = evidence_batches.c
        rows = list(connection.execute(select(evidence_batches).where(table.object_uid == uid).order_by(table.seq)))
        users = connection.execute(
            select(counted_users).where(counted_users.c.object_uid == uid, counted_users.c.metric == "accuracy")
        ).all()
    assert len(users) == sum(sum(group.totals.assigned.values()) for group in groups.values())
    for (step, metric), group in groups.items():
        mine = [row for row in rows if (row.step, row.metric) == (step, metric)]
        assert {row.seq for row in mine} == set(range(1, group.batch + 1))
        redone = Totals.none()
        for seq in range(1, group.batch + 1):
            redone = redone.merge(batch_of(Entry(row.arm, row.users, row.sums) for row in mine if row.seq == seq))
        assert redone == group.totals


class CrashError(Exception):
    """Ends the work like a kill: nothing after it runs, nothing catches it."""


def run_until(database: SetClockDatabase, release: Release, statement: int) -> bool:
    """Advance step by step and crash before the given statement; False when there are not that many."""
    seen = 0

    def crash(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            raise CrashError

    event.listen(database.engine, "before_cursor_execute", crash)
    try:
        track = opened(database, release)
        for at in (5.0, 17.0, 30.0, LAST):
            while not track.advance(micros(at)):
                pass
    except CrashError:
        return True
    finally:
        event.remove(database.engine, "before_cursor_execute", crash)
    return False


def test_a_crash_before_any_statement_changes_nothing(database: SetClockDatabase) -> None:
    statement = 1
    while True:
        world = World(database, make_release(pairing="Mirror", metrics=("accuracy", "latency")))
        for number in range(6):
            arm = "candidate" if number % 2 else "stable"
            answer = world.say(f"u{number}", arm, 3.0 * number, output=WRONG if number % 3 else RIGHT)
            world.judge(answer, 3.0 * number + 1)
            world.predict(answer, "stable" if number % 2 else "candidate", 3.0 * number + 1)
        crashed = run_until(database, world.release, statement)
        final = finish(database, world.release)
        check(world, {key: group for key, group in final.groups.items() if key[1] == "accuracy"})
        assert final.header.exposed_users == final.header.exposed_requests == 3
        if not crashed:
            break
        statement += 2
    assert statement > 30


def test_a_commit_whose_answer_was_lost_is_not_repeated(
    database: SetClockDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(database, make_release())
    world.judge(world.say("ada", "stable", 0), 1)
    track = opened(database, world.release)
    track.advance(micros(2))

    def commit_and_crash(*arguments: Any) -> Header:
        commit(*arguments)
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr("pawl_services.monitor.track.commit", commit_and_crash)
        with pytest.raises(CrashError):
            track.advance(micros(20))
    final = finish(database, world.release)
    assert final.groups[1, "accuracy"].batch == 1
    check(world, dict(final.groups))


def test_of_two_monitors_the_second_to_write_learns_that_it_is_late(database: SetClockDatabase) -> None:
    world = World(database, make_release())
    world.judge(world.say("ada", "candidate", 0), 1)
    one, two = opened(database, world.release), opened(database, world.release)
    one.advance(micros(20))
    with pytest.raises(OutdatedError):
        two.advance(micros(20))
    again = opened(database, world.release)
    again.advance(micros(30))
    assert again.groups[1, "accuracy"].totals.arm(CANDIDATE).users == 1


def test_releases_of_one_namespace_do_not_mix(database: SetClockDatabase) -> None:
    first = World(database, make_release())
    shared = make_release(namespace=first.release.namespace, uid=first.release.uid, number=4)
    second = World(database, shared)
    first.judge(first.say("ada", "stable", 0), 1)
    second.judge(second.say("ada", "candidate", 0, output=WRONG), 1)
    other = World(database, make_release(namespace=first.release.namespace, component="other", uid=str(uuid4())))
    other.judge(other.say("ada", "candidate", 0), 1)
    # A second Rollout of the same component counts its releases from 1 too.
    twin = World(database, make_release(namespace=first.release.namespace))
    twin.judge(twin.say("ada", "candidate", 0, output=WRONG), 1)
    for world in (first, second, other, twin):
        check(world, dict(finish(database, world.release).groups))
