"""The work queue on virtual time: once per key, delays, back-off, no key in two workers, nothing lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_loop import run_virtual

from pawl_operator.queue import RunCutError, WorkQueue

Handler = Callable[[str], Awaitable[float | None]]


async def working(
    handle: Handler, seconds: float, fill: Callable[[WorkQueue[str]], None], **options: object
) -> WorkQueue[str]:
    """Run a queue for some virtual seconds."""
    queue: WorkQueue[str] = WorkQueue(handle, rng=random.Random(1), **options)  # type: ignore[arg-type]
    fill(queue)
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return queue


def now() -> float:
    return asyncio.get_running_loop().time() - 1000.0


def test_a_key_added_many_times_runs_once() -> None:
    runs: list[str] = []

    async def handle(key: str) -> None:
        runs.append(key)

    run_virtual(working(handle, 5, lambda queue: [queue.add("a") for _ in range(10)] and None))
    assert runs == ["a"]


def test_a_key_added_while_it_is_worked_on_runs_once_more() -> None:
    runs: list[float] = []

    async def main() -> None:
        async def handle(key: str) -> None:
            runs.append(now())
            if len(runs) == 1:
                for _ in range(3):
                    queue.add(key)
            await asyncio.sleep(2)

        queue: WorkQueue[str] = WorkQueue(handle)
        queue.add("a")
        task = asyncio.create_task(queue.run())
        await asyncio.sleep(20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main())
    assert runs == pytest.approx([0.0, 2.0])


def test_delays_are_kept_and_the_earliest_wish_wins() -> None:
    runs: list[tuple[str, float]] = []

    async def handle(key: str) -> None:
        runs.append((key, now()))

    def fill(queue: WorkQueue[str]) -> None:
        queue.add_after("late", 3600)
        queue.add_after("a", 60)
        queue.add_after("a", 10)
        queue.add_after("a", 30)

    run_virtual(working(handle, 5000, fill))
    assert runs == [("a", pytest.approx(10)), ("late", pytest.approx(3600))]


def test_the_answer_of_a_handler_is_the_time_until_its_next_run() -> None:
    runs: list[float] = []

    async def handle(_key: str) -> float | None:
        runs.append(now())
        return 30.0 if len(runs) < 4 else None

    run_virtual(working(handle, 600, lambda queue: queue.add("a") and None))
    assert runs == pytest.approx([0, 30, 60, 90])


def test_failures_back_off_up_to_the_cap_and_a_success_forgets_them() -> None:
    runs: list[float] = []

    async def handle(_key: str) -> float | None:
        runs.append(now())
        if len(runs) != 12:
            raise RuntimeError("down")
        return 100.0

    run_virtual(working(handle, 400, lambda queue: queue.add("a") and None, base=0.5, cap=30.0))
    gaps = [later - earlier for earlier, later in pairwise(runs)]
    for failures, gap in enumerate(gaps[:11]):
        whole = min(30.0, 0.5 * 2**failures)
        assert whole / 2 <= gap <= whole
    assert gaps[11] == pytest.approx(100)
    assert 0.25 <= gaps[12] <= 0.5


def test_a_run_past_its_deadline_is_cancelled_and_retried() -> None:
    seen: list[str] = []

    async def handle(_key: str) -> None:
        if seen:
            seen.append("second")
            return
        seen.append("first")
        await asyncio.Event().wait()

    run_virtual(working(handle, 120, lambda queue: queue.add("a") and None, deadline=60.0))
    assert seen == ["first", "second"]


def test_who_listens_can_tell_a_run_that_was_cut_from_one_that_gave_up() -> None:
    heard: list[tuple[str, type, str]] = []

    async def handle(key: str) -> None:
        if key == "stuck":
            await asyncio.Event().wait()
        raise TimeoutError("the handler's own")

    def fill(queue: WorkQueue[str]) -> None:
        queue.add("stuck")
        queue.add("late")

    def hear(key: str, error: BaseException) -> None:
        if not any(key == known for known, *_ in heard):
            heard.append((key, type(error), str(error)))

    run_virtual(working(handle, 70, fill, on_error=hear, deadline=60.0))
    assert heard == [
        ("late", TimeoutError, "the handler's own"),
        ("stuck", RunCutError, "not finished within 60 s"),
    ]


def test_one_failing_key_does_not_hold_up_others() -> None:
    done: Counter[str] = Counter()

    async def handle(key: str) -> None:
        done[key] += 1
        if key == "bad":
            raise ValueError(key)

    def fill(queue: WorkQueue[str]) -> None:
        for key in ("bad", "a", "b", "c"):
            queue.add(key)

    run_virtual(working(handle, 0.1, fill, workers=1))
    assert done == Counter({"bad": 1, "a": 1, "b": 1, "c": 1})


def test_the_queue_is_bounded_and_says_so() -> None:
    async def handle(_key: str) -> None: ...

    async def main() -> list[bool]:
        queue: WorkQueue[str] = WorkQueue(handle, limit=2)
        return [queue.add("a"), queue.add("b"), queue.add("c"), queue.add("a")]

    assert run_virtual(main()) == [True, True, False, True]


def test_depth_and_age_tell_of_work_that_does_not_move() -> None:
    async def handle(_key: str) -> None:
        await asyncio.sleep(50)

    async def main() -> tuple[int, float, float]:
        queue: WorkQueue[str] = WorkQueue(handle, workers=1)
        queue.add("a")
        queue.add("b")
        queue.add_after("later", 500)
        task = asyncio.create_task(queue.run())
        await asyncio.sleep(40)
        found = queue.depth(), queue.oldest_age()
        await asyncio.sleep(100)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return (*found, queue.oldest_age())

    depth, age, idle = run_virtual(main())
    assert (depth, age, idle) == (2, pytest.approx(40), 0.0)


@settings(max_examples=60, deadline=None)
@given(
    adds=st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 50), st.floats(0, 20)), min_size=1, max_size=40),
    workers=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_no_key_is_ever_in_two_workers_and_no_wish_is_lost(
    adds: list[tuple[str, float, float]], workers: int, seed: int
) -> None:
    """Every add is followed by a run that begins no earlier than asked."""
    chance = random.Random(seed)
    running: Counter[str] = Counter()
    begun: list[tuple[str, float]] = []
    overlaps: list[str] = []

    async def main() -> None:
        async def handle(key: str) -> None:
            begun.append((key, now()))
            running[key] += 1
            if running[key] > 1:
                overlaps.append(key)
            await asyncio.sleep(chance.random() * 3)
            running[key] -= 1
            if chance.random() < 0.2:
                raise RuntimeError("sometimes")

        queue: WorkQueue[str] = WorkQueue(handle, workers=workers, rng=chance)
        task = asyncio.create_task(queue.run())
        for key, at, delay in sorted(adds, key=lambda add: add[1]):
            await asyncio.sleep(max(0.0, at - now()))
            queue.add_after(key, delay)
        await asyncio.sleep(1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main())
    assert overlaps == []
    for key, at, _ in adds:
        assert any(name == key and start >= at - 1e-6 for name, start in begun)
