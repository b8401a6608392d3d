"""SIGKILL after every single write of a release and of a rollback; beyond the last write it is a run without one."""

import pytest
from kill_matrix import promote_through_kill, roll_back_from_full_through_kill, roll_back_through_kill
from stage import Stage


@pytest.mark.parametrize("kill_after", range(1, 33))
def test_a_release_ends_the_same_after_every_write(stage: Stage, kill_after: int) -> None:
    assert promote_through_kill(stage, kill_after) or kill_after > 16


@pytest.mark.parametrize("kill_after", range(1, 9))
def test_a_rollback_ends_the_same_after_every_write(stage: Stage, kill_after: int) -> None:
    assert roll_back_through_kill(stage, kill_after) or kill_after > 4


@pytest.mark.parametrize("kill_after", range(1, 13))
def test_a_rollback_from_100_percent_ends_the_same_after_every_write(stage: Stage, kill_after: int) -> None:
    assert roll_back_from_full_through_kill(stage, kill_after) or kill_after > 5
