"""One API server for the faults of the operator; a stage without an operator for each test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import crds
import pytest
from stage import Stage, set_stage

from apiserver import ApiServer, running_apiserver

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Operators are killed, stalled and restarted here: on a busy machine the bounded waits of one test add up."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def fault_server() -> Iterator[ApiServer]:
    """A real API server with Pawl's CRDs and the gateway's."""
    with running_apiserver() as server:
        crds.install_pawl(server)
        crds.install_gateway(server)
        yield server


@pytest.fixture
def stage(fault_server: ApiServer, tmp_path: Path) -> Iterator[Stage]:
    """A fresh namespace with a played cluster; the test starts its operators."""
    namespace = fault_server.make_namespace(f"f-{uuid4().hex[:10]}")
    with set_stage(fault_server, namespace, tmp_path) as found:
        yield found
