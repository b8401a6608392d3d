"""The writer answers nobody before the commit, forgets nobody after it, and stays within its bounds."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawl_services.db.rows import Bundle, FeedbackRow
from pawl_services.db.writer import NotWrittenError, QueueFullError, Writer, WriterLimits, Written

SECONDS = 10
QUICK = WriterLimits(linger=0.0, first_backoff=0.001, last_backoff=0.002)


def rows(*names: str) -> Bundle:
    return Bundle(tuple(FeedbackRow("demo", name, name, "thumbs", 0, "{}") for name in names), 10)


class FakeSink:
    """Keeps committed keys; `gate` holds a commit back, `refuse` may raise before one."""

    def __init__(self, refuse: Callable[[Sequence[Bundle]], None] = lambda _: None) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.refuse = refuse
        self.batches: list[list[Bundle]] = []
        self.committed: set[str] = set()

    def write(self, bundles: Sequence[Bundle]) -> list[int]:
        self.entered.set()
        assert self.gate.wait(SECONDS)
        self.refuse(bundles)
        counts = []
        for bundle in bundles:
            before = len(self.committed)
            self.committed |= {row.id for row in bundle.main if isinstance(row, FeedbackRow)}
            counts.append(len(self.committed) - before)
        self.batches.append(list(bundles))
        return counts


@contextmanager
def running(sink: FakeSink, limits: WriterLimits = QUICK) -> Iterator[Writer]:
    writer = Writer(sink, limits)
    writer.start()
    try:
        yield writer
    finally:
        sink.gate.set()
        writer.close(SECONDS)


def test_nobody_is_answered_before_the_commit():
    sink = FakeSink()
    sink.gate.clear()
    with running(sink) as writer:
        future = writer.submit(rows("a"))
        assert sink.entered.wait(SECONDS)
        assert not future.done()
        sink.gate.set()
        assert future.result(SECONDS) == Written(1, 0)
        assert sink.committed == {"a"}


def test_what_queues_during_a_commit_shares_the_next():
    sink = FakeSink()
    sink.gate.clear()
    with running(sink) as writer:
        first = writer.submit(rows("a"))
        assert sink.entered.wait(SECONDS)
        others = [writer.submit(rows(str(number))) for number in range(50)]
        sink.gate.set()
        wait([first, *others], SECONDS)
    assert [len(batch) for batch in sink.batches] == [1, 50]


def test_a_batch_holds_no_more_rows_than_allowed():
    sink = FakeSink()
    sink.gate.clear()
    with running(sink, WriterLimits(linger=0.0, batch_rows=10)) as writer:
        futures = [writer.submit(rows(*(f"{number}-{place}" for place in range(4)))) for number in range(9)]
        futures.append(writer.submit(rows(*(f"big-{place}" for place in range(30)))))
        sink.gate.set()
        assert sum(future.result(SECONDS).accepted for future in futures) == 66
    assert all(sum(map(len, batch)) <= 10 or len(batch) == 1 for batch in sink.batches)


@pytest.mark.parametrize("limits", [WriterLimits(linger=0, queue_rows=3), WriterLimits(linger=0, queue_bytes=35)])
def test_past_the_bound_it_refuses_at_once_and_takes_again_later(limits: WriterLimits):
    sink = FakeSink()
    sink.gate.clear()
    with running(sink, limits) as writer:
        taken = [writer.submit(rows(name)) for name in "abc"]
        with pytest.raises(QueueFullError):
            writer.submit(rows("d"))
        sink.gate.set()
        assert [future.result(SECONDS).accepted for future in taken] == [1, 1, 1]
        assert _retry(lambda: writer.submit(rows("d"))).result(SECONDS).accepted == 1
        _retry(lambda: _must(writer.queued_rows == writer.queued_bytes == 0))


def test_a_request_larger_than_the_bound_is_taken_when_nothing_waits():
    sink = FakeSink()
    with running(sink, WriterLimits(linger=0, queue_rows=3)) as writer:
        assert writer.submit(rows(*"abcdef")).result(SECONDS).accepted == 6


def test_a_database_that_comes_back_in_time_is_not_noticed():
    failures = iter([sqlite3.OperationalError("locked"), sqlite3.OperationalError("locked")])

    def refuse(_: Sequence[Bundle]) -> None:
        if (error := next(failures, None)) is not None:
            raise error

    with running(FakeSink(refuse)) as writer:
        assert writer.submit(rows("a")).result(SECONDS) == Written(1, 0)


def test_an_outage_is_told_to_every_waiter_and_writing_goes_on_after_it():
    away = True

    def refuse(_: Sequence[Bundle]) -> None:
        if away:
            raise sqlite3.OperationalError("unable to open database file")

    with running(FakeSink(refuse)) as writer:
        futures = [writer.submit(rows(name)) for name in "abc"]
        assert all(isinstance(future.exception(SECONDS), NotWrittenError) for future in futures)
        away = False
        assert writer.submit(rows("a")).result(SECONDS) == Written(1, 0)


def test_one_refused_request_does_not_harm_the_others():
    def refuse(bundles: Sequence[Bundle]) -> None:
        if any(row.id == "poison" for bundle in bundles for row in bundle.main if isinstance(row, FeedbackRow)):
            raise sqlite3.DataError("cannot store this")

    sink = FakeSink(refuse)
    sink.gate.clear()
    with running(sink) as writer:
        futures = {name: writer.submit(rows(name)) for name in ("a", "poison", "b")}
        sink.gate.set()
        assert isinstance(futures["poison"].exception(SECONDS), NotWrittenError)
        assert futures["a"].result(SECONDS) == futures["b"].result(SECONDS) == Written(1, 0)


def test_closing_writes_what_is_queued_and_refuses_what_comes():
    sink = FakeSink()
    sink.gate.clear()
    writer = Writer(sink, QUICK)
    writer.start()
    futures = [writer.submit(rows(str(number))) for number in range(5)]
    threading.Thread(target=sink.gate.set).start()
    writer.close(SECONDS)
    assert all(future.result(0).accepted == 1 for future in futures)
    with pytest.raises(NotWrittenError):
        writer.submit(rows("late"))
    assert writer.stuck(SECONDS) is not None


def test_a_waiter_that_gave_up_does_not_stop_the_thread():
    sink = FakeSink()
    sink.gate.clear()
    with running(sink) as writer:
        gone = writer.submit(rows("a"))
        assert gone.cancel()
        sink.gate.set()
        assert writer.submit(rows("b")).result(SECONDS).accepted == 1


def test_a_transaction_that_hangs_is_told():
    sink = FakeSink()
    sink.gate.clear()
    with running(sink) as writer:
        assert writer.stuck(0) is None
        writer.submit(rows("a"))
        assert sink.entered.wait(SECONDS)
        assert "more than 0 s" in str(writer.stuck(0))
        assert writer.stuck(SECONDS * 10) is None


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=6), max_size=30),
    batch_rows=st.integers(1, 20),
    fails=st.lists(st.sampled_from(["", "", "outage", "bad"]), max_size=20),
)
def test_every_waiter_hears_the_truth(names: list[list[int]], batch_rows: int, fails: list[str]):
    outcomes = iter(fails)

    def refuse(_: Sequence[Bundle]) -> None:
        how = next(outcomes, "")
        if how:
            raise sqlite3.OperationalError("away") if how == "outage" else sqlite3.DataError("bad")

    sink = FakeSink(refuse)
    limits = WriterLimits(linger=0, batch_rows=batch_rows, attempts=2, first_backoff=0, last_backoff=0)
    with running(sink, limits) as writer:
        sent = [(set(map(str, some)), writer.submit(rows(*map(str, some)))) for some in names]
        done = wait([future for _, future in sent], SECONDS)
    assert not done.not_done
    accepted = 0
    for keys, future in sent:
        if future.exception() is None:
            assert keys <= sink.committed
            accepted += future.result().accepted
    assert accepted == len(sink.committed)


def _must(condition: bool) -> "Future[Written]":
    if not condition:
        raise QueueFullError
    return Future()


def _retry(action: Callable[[], "Future[Written]"]) -> "Future[Written]":
    pause = threading.Event()
    for _ in range(SECONDS * 100):
        try:
            return action()
        except QueueFullError:
            pause.wait(0.01)
    raise AssertionError("the queue stayed full")
