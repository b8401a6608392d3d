"""The API server that all tests of this level share; each test makes its own namespace."""

from collections.abc import Iterator
from uuid import uuid4

import crds
import pytest

from apiserver import ApiServer, running_apiserver


@pytest.fixture(scope="session")
def apiserver() -> Iterator[ApiServer]:
    """A real API server with RBAC, Pawl's CRDs and the gateway's, without controllers."""
    with running_apiserver() as server:
        crds.install_pawl(server)
        crds.install_gateway(server)
        yield server


@pytest.fixture
def namespace(apiserver: ApiServer) -> str:
    """A fresh namespace."""
    return apiserver.make_namespace(f"t-{uuid4().hex[:10]}")
