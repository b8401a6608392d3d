"""A database that takes no writes is seen before a write fails, and one that is only busy is not taken for such."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import SQLAlchemyError

from pawl_services.db import sqlite_file
from pawl_services.db.engine import Database, NotWritableError, open_database
from pawl_services.db.sqlite_file import BUSY_SECONDS, SqliteFile

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    found = Path(tempfile.mkdtemp(prefix="pawl-ping-"))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{folder / 'pawl.db'}")
    yield opened
    opened.close()


@contextmanager
def without_the_right_to_write(path: Path) -> Iterator[None]:
    """Root may write everything, so root becomes somebody else for a while."""
    path.chmod(0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        path.chmod(0o644)


def why(database: Database) -> str:
    with pytest.raises(NotWritableError) as found:
        database.ping()
    assert str(database.engine.url.database) not in found.value.why
    return found.value.why


def test_a_database_that_can_be_written_answers_and_nothing_was_changed(database: Database):
    before = database.watermark()
    for _ in range(3):
        database.ping()
    assert database.watermark() >= before


def test_a_file_that_is_gone_is_seen(database: Database, folder: Path):
    (folder / "pawl.db").unlink()
    assert "is gone" in why(database)


def test_a_file_that_was_replaced_is_seen(database: Database, folder: Path):
    shutil.copy(folder / "pawl.db", folder / "backup.db")
    (folder / "backup.db").rename(folder / "pawl.db")
    assert "was replaced" in why(database)


def test_a_file_that_became_read_only_is_seen_and_that_it_can_be_written_again(database: Database, folder: Path):
    with without_the_right_to_write(folder / "pawl.db"):
        assert "is read-only" in why(database)
    database.ping()


@pytest.mark.parametrize(("total", "free", "full"), [(2**30, 4096, True), (2**30, 2**29, False), (0, 0, False)])
def test_a_full_volume_is_seen(
    database: Database, monkeypatch: pytest.MonkeyPatch, total: int, free: int, full: bool
) -> None:
    monkeypatch.setattr(sqlite_file.shutil, "disk_usage", lambda _: SimpleNamespace(total=total, free=free))
    if full:
        assert "is full (4096 bytes" in why(database)
    else:
        database.ping()


def test_a_file_that_is_no_database_is_seen(database: Database, folder: Path):
    database.engine.dispose()
    (folder / "pawl.db").write_bytes(b"x" * 8192)
    with pytest.raises(SQLAlchemyError, match="not a database"):
        database.ping()


def test_a_writer_that_holds_the_lock_is_told_only_past_the_busy_time(database: Database, folder: Path):
    now = 100.0
    file = SqliteFile(folder / "pawl.db", lambda: now)
    with database.write():
        assert file.unwritable(database.engine) is None
        now += BUSY_SECONDS
        assert file.unwritable(database.engine) is None
        now += 1
        assert "write lock" in str(file.unwritable(database.engine))
        file.locked()
        assert file.unwritable(database.engine) is None
    now += 10 * BUSY_SECONDS
    assert file.unwritable(database.engine) is None


def test_a_write_after_a_busy_ping_waits_as_long_as_before(database: Database):
    with database.write():
        database.ping()
    connections = [database.engine.raw_connection() for _ in range(2)]
    assert {one.cursor().execute("PRAGMA busy_timeout").fetchone()[0] for one in connections} == {BUSY_SECONDS * 1000}
    for one in connections:
        one.close()
