"""The long tests of the operator use the stage of the short ones."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import crds
import pytest
from stage import Stage, set_stage

from apiserver import ApiServer, running_apiserver


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
    namespace = fault_server.make_namespace(f"p-{uuid4().hex[:10]}")
    with set_stage(fault_server, namespace, tmp_path) as found:
        yield found
