"""One running collector per database, and a tenant of its own for each test."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import httpx
import pytest
from collector_process import TENANTS, CollectorProcess, collector_process
from sqlalchemy import Table, select

from pawl_services.db.engine import Database, open_database

_numbers = count()


@dataclass(frozen=True)
class Tenant:
    """A namespace that only one test writes to."""

    name: str
    client: httpx.Client
    reader: httpx.Client
    database: Database

    def rows(self, table: Table) -> list[dict[str, object]]:
        """What is stored for it."""
        query = select(table).where(table.c.namespace == self.name)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


@pytest.fixture(scope="session")
def shared_url(backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of the shared collector."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('shared') / 'pawl.db'}"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture(scope="session")
def collector(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector for all tests that do not end it."""
    with collector_process(shared_url, tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture(scope="session")
def shared_database(shared_url: str, collector: CollectorProcess) -> Iterator[Database]:
    """Its database, opened beside it."""
    database = open_database(shared_url)
    yield database
    database.close()


@pytest.fixture
def tenant(collector: CollectorProcess, shared_database: Database) -> Iterator[Tenant]:
    """A tenant that nobody used before."""
    name = f"tenant-{next(_numbers) % TENANTS}"
    with collector.client(name) as client, collector.reader(name) as reader:
        yield Tenant(name, client, reader, shared_database)


@pytest.fixture
def other_tenant(collector: CollectorProcess, shared_database: Database) -> Iterator[Tenant]:
    """A second one."""
    name = f"tenant-{next(_numbers) % TENANTS}"
    with collector.client(name) as client, collector.reader(name) as reader:
        yield Tenant(name, client, reader, shared_database)
