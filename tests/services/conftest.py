"""Databases for the services' tests: the same tests run on SQLite and on a real Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import PostgresServer, postgres_server

BACKENDS = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The database the test runs on."""
    return str(request.param)


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of this test's own."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'pawl.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
