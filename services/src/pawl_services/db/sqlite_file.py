"""Tells whether SQLite's file takes writes: still the one that was opened, writable, with room, its lock to be had.

A transaction alone cannot tell: SQLite goes on writing into a file that was deleted or replaced under it, and takes
its write lock on a volume that became read-only or full. The file is never opened here: closing it would give up the
locks that SQLite holds on it in this process.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

BUSY_SECONDS = 10
# Well below what a health check may take (web/health.py), or a busy database would look like one that does not answer.
PING_BUSY_SECONDS = 0.5
LEAST_FREE_BYTES = 2**20


class SqliteFile:
    """The file that lies at `path` now."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._opened = _identity(path)
        self._clock = clock
        self._busy_since: float | None = None

    def locked(self) -> None:
        """A write of this process had the lock just now."""
        self._busy_since = None

    def unwritable(self, engine: Engine) -> str | None:
        """A sentence, without the path, when writes fail; None when they may succeed.

        Blocks for `PING_BUSY_SECONDS` at most. A lock that somebody holds, as every writer does for short times, tells
        only once no ping and no write of this process had it for `BUSY_SECONDS`. Raises sqlite3.Error where SQLite
        cannot take it for another reason.
        """
        return self._out_of_reach() or self._locked_out(engine)

    def _out_of_reach(self) -> str | None:
        if (found := _identity(self._path)) is None:
            return "the database's file is gone: bring its volume back, then restart this process"
        if found != self._opened:
            return "the database's file was replaced since it was opened: restart this process"
        if not os.access(self._path, os.W_OK, effective_ids=True):
            return "the database's file is read-only: make its volume and the file writable for this process"
        space = shutil.disk_usage(self._path)
        # A file system that does not count its blocks reports none at all.
        if space.total and space.free < LEAST_FREE_BYTES:
            return f"the database's volume is full ({space.free} bytes are left): enlarge it"
        return None

    def _locked_out(self, engine: Engine) -> str | None:
        if _lock_is_free(engine):
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = self._clock()
        elif self._clock() - self._busy_since > BUSY_SECONDS:
            return f"another connection has held the database's write lock for more than {BUSY_SECONDS} s"
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode; None where no file can be reached."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _lock_is_free(engine: Engine) -> bool:
    """Take the write lock and give it back; False when somebody held it for `PING_BUSY_SECONDS`."""
    connection = engine.raw_connection()
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout={PING_BUSY_SECONDS * 1000:.0f}")
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        # The lower byte is the error, what is above it tells its kinds apart.
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        raise
    finally:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        cursor.close()
        connection.close()
    return True
