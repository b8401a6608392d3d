"""The stage of the operator's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import Stage, set_stage

from apiserver import ApiServer


@pytest.fixture
def stage(apiserver: ApiServer, namespace: str, tmp_path: Path) -> Iterator[Stage]:
    """A namespace with a played cluster and an operator that leads."""
    with set_stage(apiserver, namespace, tmp_path) as found:
        found.start()
        yield found
