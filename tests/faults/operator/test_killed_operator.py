"""SIGKILL after the k-th write: a seeded sample of k (all of them in tests/prove/operator)."""

import random

import pytest
from kill_matrix import promote_through_kill, roll_back_from_full_through_kill, roll_back_through_kill
from stage import Stage

SAMPLE = random.Random(20261123)
PROMOTION = sorted(SAMPLE.sample(range(1, 17), 4))
ROLLBACK = sorted(SAMPLE.sample(range(1, 5), 3))
FROM_FULL = sorted(SAMPLE.sample(range(1, 6), 2))


@pytest.mark.parametrize("kill_after", PROMOTION)
def test_a_release_ends_the_same_whatever_write_was_the_last(stage: Stage, kill_after: int) -> None:
    assert promote_through_kill(stage, kill_after)


@pytest.mark.parametrize("kill_after", ROLLBACK)
def test_a_rollback_ends_the_same_whatever_write_was_the_last(stage: Stage, kill_after: int) -> None:
    assert roll_back_through_kill(stage, kill_after)


@pytest.mark.parametrize("kill_after", FROM_FULL)
def test_a_rollback_from_100_percent_ends_the_same_whatever_write_was_the_last(stage: Stage, kill_after: int) -> None:
    assert roll_back_from_full_through_kill(stage, kill_after)
