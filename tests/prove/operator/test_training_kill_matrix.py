"""SIGKILL after every single write of a training; beyond the last write it is a training without one."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from training_yard import Yard, set_yard, train_through_kill

from apiserver import ApiServer


@pytest.fixture
def yard(fault_server: ApiServer, tmp_path: Path) -> Iterator[Yard]:
    """A fresh namespace; the test starts its operators."""
    with set_yard(fault_server, fault_server.make_namespace(f"k-{uuid4().hex[:10]}"), tmp_path) as found:
        yield found


@pytest.mark.parametrize("kill_after", range(1, 9))
def test_a_training_ends_the_same_after_every_write(yard: Yard, kill_after: int) -> None:
    assert train_through_kill(yard, kill_after) or kill_after > 4
