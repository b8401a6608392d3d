"""The lease decisions: who may take over, when, and that two never lead at once, whatever their clocks say."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pawl.leases import LeaseSight, LeaseStep, LeaseTimes, held_body, must_stop, next_step, released_body
from pawl_operator.kube.resources import LEASES, Ref
from pawl_operator.lease import LeaseHolder

TIMES = LeaseTimes(15, 10, 2)
WALL = datetime(2026, 11, 23, 12, tzinfo=UTC)


def lease(holder: str, *, renewed: datetime = WALL, duration: int = 15) -> dict[str, Any]:
    body = held_body(None, name="l", namespace="n", me=holder, wall=renewed, times=TIMES)
    body["spec"]["leaseDurationSeconds"] = duration
    return body


def step(
    found: dict[str, Any] | None,
    *,
    me: str = "me",
    sight: LeaseSight | None = None,
    leading: bool = False,
    now: float = 0,
):
    return next_step(found, me, sight=sight, leading=leading, now=now, times=TIMES)


def test_a_lease_that_does_not_exist_is_taken() -> None:
    assert step(None)[0] is LeaseStep.ACQUIRE


def test_a_released_lease_is_taken_at_once() -> None:
    released = released_body(lease("other") | {"metadata": {"name": "l", "namespace": "n"}}, wall=WALL)
    assert step(released)[0] is LeaseStep.ACQUIRE


def test_a_process_takes_over_from_its_own_earlier_self_at_once() -> None:
    assert step(lease("me"))[0] is LeaseStep.ACQUIRE


def test_another_holder_is_waited_for_one_duration_on_our_own_clock() -> None:
    found = lease("other", renewed=WALL - timedelta(days=9))
    first, sight = step(found, now=100.0)
    assert first is LeaseStep.WAIT
    assert step(found, sight=sight, now=114.9)[0] is LeaseStep.WAIT
    assert step(found, sight=sight, now=115.0)[0] is LeaseStep.ACQUIRE


def test_a_renewal_starts_the_wait_again() -> None:
    _, sight = step(lease("other"), now=100.0)
    again = lease("other", renewed=WALL + timedelta(seconds=5))
    _, sight = step(again, sight=sight, now=110.0)
    assert step(again, sight=sight, now=120.0)[0] is LeaseStep.WAIT


def test_a_leader_that_finds_another_name_has_lost() -> None:
    assert step(lease("other"), leading=True)[0] is LeaseStep.LOST
    assert step(None, leading=True)[0] is LeaseStep.LOST


def test_a_leader_stops_before_anybody_may_take_over() -> None:
    assert not must_stop(100.0, 109.9, TIMES)
    assert must_stop(100.0, 110.0, TIMES)
    assert TIMES.renew_deadline < TIMES.duration


def test_bodies_count_transitions_and_keep_the_acquire_time() -> None:
    first = lease("other")
    taken = held_body(first, name="l", namespace="n", me="me", wall=WALL + timedelta(hours=1), times=TIMES)
    assert taken["spec"]["leaseTransitions"] == 1
    renewed = held_body(taken, name="l", namespace="n", me="me", wall=WALL + timedelta(hours=2), times=TIMES)
    assert renewed["spec"]["leaseTransitions"] == 1
    assert renewed["spec"]["acquireTime"] == taken["spec"]["acquireTime"]
    assert renewed["spec"]["renewTime"] == "2026-11-23T14:00:00.000000Z"


@pytest.mark.parametrize("times", [(15, 15, 2), (15, 10, 10), (0.5, 0.3, 0.1), (15, 10, 0)])
def test_times_that_could_make_two_leaders_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="lease times"):
        LeaseTimes(*times)


class Answers:
    """A port onto one Lease that is free to take; from the `good` answers on, something that nobody expects."""

    def __init__(self, good: int) -> None:
        self.good, self.body = good, None

    async def get(self, _ref: Ref) -> dict[str, Any] | None:
        self.good -= 1
        if self.good < 0:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return self.body

    async def create(self, _resource: object, _namespace: str, body: dict[str, Any]) -> None:
        self.body = body

    async def replace(self, _ref: Ref, body: dict[str, Any]) -> None:
        self.body = body

    async def close(self) -> None: ...


@pytest.mark.parametrize("good", [0, 1, 3])
def test_whatever_ends_the_thread_ends_the_process_and_never_leaves_it_leading(good: int) -> None:
    lost = threading.Event()

    async def port() -> Any:
        return Answers(good)

    holder = LeaseHolder(port, Ref(LEASES, "n", "l"), "me", LeaseTimes(3.0, 2.0, 0.01), on_lost=lost.set)
    with capture_logs() as logs:
        holder.start()
        assert lost.wait(20)
    assert not holder.leading
    assert logs[-1]["log_level"] == "critical"


def test_an_error_while_giving_the_lease_back_does_not_end_an_orderly_stop() -> None:
    lost = threading.Event()
    answers = Answers(1_000_000)

    async def port() -> Any:
        return answers

    holder = LeaseHolder(port, Ref(LEASES, "n", "l"), "me", LeaseTimes(3.0, 2.0, 0.01), on_lost=lost.set)
    with capture_logs():
        holder.start()
        assert holder._acquired.wait(20)
        answers.good = 0
        holder._stop.set()
        holder.release()
    assert not lost.is_set()
    assert not holder.leading


@settings(max_examples=200, deadline=None)
@given(
    ticks=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0.1, 6), st.booleans()), min_size=5, max_size=80),
    skews=st.tuples(st.floats(-9e4, 9e4), st.floats(-9e4, 9e4)),
)
def test_two_candidates_never_lead_at_once(ticks: list[tuple[str, float, bool]], skews: tuple[float, float]) -> None:
    """Candidates look at odd times, requests fail at random, wall clocks differ by a day: still one leader."""
    found: dict[str, Any] | None = None
    now = 0.0
    sights: dict[str, LeaseSight | None] = {"a": None, "b": None}
    renewed: dict[str, float | None] = {"a": None, "b": None}
    for me, pause, works in ticks:
        now += pause
        for name in ("a", "b"):
            since = renewed[name]
            # Each process checks its own deadline all the time, also while it cannot reach the server.
            if since is not None and must_stop(since, now, TIMES):
                renewed[name] = None
        if not works:
            continue
        leading = renewed[me] is not None
        taken, sights[me] = next_step(found, me, sight=sights[me], leading=leading, now=now, times=TIMES)
        if taken in (LeaseStep.ACQUIRE, LeaseStep.RENEW):
            wall = WALL + timedelta(seconds=now + skews[me == "b"])
            found = held_body(found, name="l", namespace="n", me=me, wall=wall, times=TIMES)
            renewed[me] = now
        elif taken is LeaseStep.LOST:
            renewed[me] = None
        assert sum(since is not None for since in renewed.values()) <= 1
