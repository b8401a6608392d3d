"""A database whose watermark the test sets, on both backends."""

from collections.abc import Iterator

import pytest
from evidence_world import SetClockDatabase

from pawl_services.db.engine import open_database


@pytest.fixture
def database(database_url: str) -> Iterator[SetClockDatabase]:
    """An empty database of this test's own."""
    opened = open_database(database_url)
    yield SetClockDatabase(opened.engine)
    opened.close()
