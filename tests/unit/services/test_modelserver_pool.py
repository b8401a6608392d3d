"""The prediction pool: bounded threads, bounded queue, slots that come back, and a liveness that notices a hang."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from async_polling import eventually

from pawl_services.modelserver.pool import Overloaded, PredictionPool, TooSlow
from pawl_services.modelserver.settings import Limits


@contextmanager
def pool_of(concurrency=1, queue=1, answer=30.0, stuck=60.0, clock=None):
    limits = Limits(concurrency, queue, 1024, answer, stuck, 256, 2**20)
    pool = PredictionPool(limits, clock) if clock else PredictionPool(limits)
    try:
        yield pool
    finally:
        pool.close()


async def test_it_runs_no_more_than_its_threads_and_queues_no_more_than_its_queue():
    gate = threading.Event()
    with pool_of(concurrency=2, queue=1) as pool:
        tasks = [asyncio.create_task(pool.run(gate.wait)) for _ in range(3)]
        await eventually(lambda: pool.running == 2 and pool.waiting == 1)
        with pytest.raises(Overloaded):
            await pool.run(gate.wait)
        gate.set()

        assert await asyncio.gather(*tasks) == [True, True, True]
        assert (pool.running, pool.waiting) == (0, 0)


async def test_without_a_queue_a_free_thread_still_answers():
    with pool_of(queue=0) as pool:
        assert [await pool.run(lambda: 7), await pool.run(lambda: 8)] == [7, 8]


async def test_copies_are_refused_while_live_requests_may_still_wait():
    gate = threading.Event()
    with pool_of(queue=2) as pool:
        live = [asyncio.create_task(pool.run(gate.wait)) for _ in range(2)]
        await eventually(lambda: pool.running == 1 and pool.waiting == 1)
        with pytest.raises(Overloaded):
            await pool.run(gate.wait, queue=1)
        live.append(asyncio.create_task(pool.run(gate.wait)))
        await eventually(lambda: pool.waiting == 2)
        gate.set()
        await asyncio.gather(*live)


async def test_what_a_prediction_raises_reaches_its_caller_and_frees_its_slot():
    def fail():
        raise KeyError("weights")

    with pool_of() as pool:
        for _ in range(3):
            with pytest.raises(KeyError):
                await pool.run(fail)
        assert await pool.run(lambda: 1) == 1


async def test_an_answer_given_up_keeps_its_thread_until_it_ends():
    gate = threading.Event()
    with pool_of(answer=0.05) as pool:
        with pytest.raises(TooSlow):
            await pool.run(gate.wait)
        assert pool.running == 1
        with pytest.raises(Overloaded):
            await pool.run(lambda: 1)
        gate.set()
        await eventually(lambda: pool.running == 0)

        assert await pool.run(lambda: 2) == 2


async def test_a_failure_after_its_time_out_is_not_left_unread(caplog):
    gate = threading.Event()

    def fail_later():
        gate.wait()
        raise RuntimeError("late")

    with pool_of(answer=0.05) as pool:
        with pytest.raises(TooSlow):
            await pool.run(fail_later)
        gate.set()
        await eventually(lambda: pool.running == 0)
    assert "never retrieved" not in caplog.text


async def test_it_calls_itself_stuck_only_past_the_limit():
    now = 100.0
    gate = threading.Event()
    with pool_of(concurrency=2, stuck=60, clock=lambda: now) as pool:
        assert pool.stuck() is None
        task = asyncio.create_task(pool.run(gate.wait))
        await eventually(lambda: pool.running == 1)
        now = 160.0
        assert pool.stuck() is None
        now = 161.0
        assert "61 s" in (pool.stuck() or "")
        gate.set()
        await task
        assert pool.stuck() is None
