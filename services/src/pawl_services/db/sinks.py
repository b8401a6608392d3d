"""Puts a batch of bundles into the database in one transaction, in the fastest way each backend has.

Each call stamps its rows with one receive time, larger than every stamp and watermark before it, and reports how
many rows of every bundle were new. A row whose key exists already is left as it was.
"""

import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Protocol, cast

import psycopg
from sqlalchemy import Connection, exc, text

from pawl_services.db.engine import RECEIVE_LOCK, Database, database_micros, last_watermark
from pawl_services.db.rows import TABLES, Bundle, Row, columns_of, key_of

Key = tuple[object, ...]
MERGE_SECONDS = 10.0
_OUTAGES = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.TimeoutError,
    sqlite3.OperationalError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


class Sink(Protocol):
    """One transaction per call."""

    def write(self, bundles: Sequence[Bundle]) -> list[int]:
        """Commit all bundles and return, for each, how many of its main rows were new.

        Raises the errors of SQLAlchemy or of the driver; a lost connection may hide that the commit happened.
        """


def is_outage(error: Exception) -> bool:
    """Whether writing the same rows later may succeed: the database is away, busy, full or read-only."""
    return isinstance(error, _OUTAGES)


def sink_for(database: Database) -> Sink:
    """The sink of this backend."""
    return SqliteSink(database) if database.backend == "sqlite" else PostgresSink(database)


class SqliteSink:
    """INSERT ... ON CONFLICT DO NOTHING, bundle by bundle, under BEGIN IMMEDIATE."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stamp = 0

    def write(self, bundles: Sequence[Bundle]) -> list[int]:
        """See Sink."""
        with self._database.write() as connection:
            self._stamp = next_stamp(connection, self._stamp)
            cursor = cast("sqlite3.Cursor", connection.connection.cursor())
            return [self._insert(cursor, bundle) for bundle in bundles]

    def _insert(self, cursor: sqlite3.Cursor, bundle: Bundle) -> int:
        new = _insert_rows(cursor, bundle.main, self._stamp)
        _insert_rows(cursor, bundle.attached, self._stamp)
        return new


def _insert_rows(cursor: sqlite3.Cursor, rows: Sequence[Row], stamp: int) -> int:
    if not rows:
        return 0
    cursor.executemany(_SQLITE_INSERT[type(rows[0])], [(*row, stamp) for row in rows])
    return cursor.rowcount


class PostgresSink:
    """COPY straight into the tables; where a key exists already, COPY aside and merge with ON CONFLICT DO NOTHING.

    Straight is more than twice as fast, and repeated keys are rare: they come from a sender's retries. As retries come
    in bursts, the sink goes on merging for `MERGE_SECONDS` after it met one.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._merge_until = -math.inf
        self._stamp = 0

    def write(self, bundles: Sequence[Bundle]) -> list[int]:
        """See Sink. Rows go in order of table and key, so collectors with the same ids cannot deadlock."""
        by_kind = _by_kind(bundles)
        if self._clock() >= self._merge_until:
            try:
                self._append(by_kind)
            except psycopg.errors.UniqueViolation:
                self._merge_until = self._clock() + MERGE_SECONDS
            else:
                return [len(bundle.main) for bundle in bundles]
        return _count_new(bundles, self._merge(by_kind))

    def _append(self, by_kind: dict[type[Row], list[Row]]) -> None:
        with self._database.write() as connection:
            stamp = self._receive(connection)
            cursor = cast("psycopg.Cursor[tuple[object, ...]]", connection.connection.cursor())
            for kind, rows in by_kind.items():
                with cursor.copy(_POSTGRES_APPEND[kind]) as stream:
                    for row in rows:
                        stream.write_row((*row, stamp))

    def _merge(self, by_kind: dict[type[Row], list[Row]]) -> dict[type[Row], set[Key] | None]:
        with self._database.write() as connection:
            cursor = cast("psycopg.Cursor[tuple[object, ...]]", connection.connection.cursor())
            for kind, rows in by_kind.items():
                _copy_aside(cursor, kind, rows)
            stamp = self._receive(connection)
            return {kind: _merge(cursor, kind, len(rows), stamp) for kind, rows in by_kind.items()}

    def _receive(self, connection: Connection) -> int:
        # Shared among collectors, exclusive for a reader that wants a watermark: see Database.watermark.
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": RECEIVE_LOCK})
        self._stamp = next_stamp(connection, self._stamp)
        return self._stamp


def next_stamp(connection: Connection, previous: int) -> int:
    """The receive time of the transaction on `connection`: later than `previous` and than every given watermark."""
    return max(database_micros(connection), last_watermark(connection) + 1, previous + 1)


def _by_kind(bundles: Sequence[Bundle]) -> dict[type[Row], list[Row]]:
    """Rows by table, each sorted by key; rows with one key stay in the order in which they came."""
    found: dict[type[Row], list[Row]] = {}
    for row in chain.from_iterable(chain(bundle.main, bundle.attached) for bundle in bundles):
        found.setdefault(type(row), []).append(row)
    return {kind: sorted(found[kind], key=itemgetter(*key_of(kind))) for kind in TABLES if kind in found}


def _copy_aside(cursor: psycopg.Cursor[tuple[object, ...]], kind: type[Row], rows: Iterable[Row]) -> None:
    create, copy = _POSTGRES_COPY[kind]
    cursor.execute(create)
    with cursor.copy(copy) as stream:
        for number, row in enumerate(rows):
            stream.write_row((*row, number))


def _merge(cursor: psycopg.Cursor[tuple[object, ...]], kind: type[Row], count: int, stamp: int) -> set[Key] | None:
    """Insert what was copied; None when all `count` rows were new, else the keys that existed before."""
    insert, existing = _POSTGRES_MERGE[kind]
    cursor.execute(insert, (stamp,))
    if cursor.rowcount == count:
        return None
    return set(cursor.execute(existing, (stamp,)).fetchall())


def _count_new(bundles: Sequence[Bundle], old: dict[type[Row], set[Key] | None]) -> list[int]:
    """New rows per bundle: of several rows with one key in a batch the first counts, as it was the one inserted."""
    counts = []
    for bundle in bundles:
        kind = type(bundle.main[0]) if bundle.main else None
        seen = old.get(kind) if kind is not None else None
        if kind is None or seen is None:
            counts.append(len(bundle.main))
            continue
        counts.append(_count_unseen(bundle.main, itemgetter(*key_of(kind)), seen))
    return counts


def _count_unseen(rows: Sequence[Row], key: "itemgetter[object]", seen: set[Key]) -> int:
    before = len(seen)
    seen.update(cast("Key", key(row)) for row in rows)
    return len(seen) - before


def _quoted(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in names)


def _sqlite_insert(kind: type[Row]) -> str:
    columns = [*columns_of(kind), "received_at"]
    places = ", ".join("?" * len(columns))
    # Unlike OR IGNORE, this ignores a key that exists and nothing else.
    return f'INSERT INTO "{TABLES[kind].name}" ({_quoted(columns)}) VALUES ({places}) ON CONFLICT DO NOTHING'  # noqa: S608


def _postgres_copy(kind: type[Row]) -> tuple[str, str]:
    name, columns = TABLES[kind].name, _quoted(columns_of(kind))
    create = (
        f'CREATE TEMP TABLE IF NOT EXISTS "incoming_{name}" ON COMMIT DELETE ROWS AS '  # noqa: S608
        f'SELECT {columns}, 0 AS place FROM "{name}" WITH NO DATA'
    )
    return create, f'COPY "incoming_{name}" ({columns}, place) FROM STDIN'


def _postgres_merge(kind: type[Row]) -> tuple[str, str]:
    name, columns = TABLES[kind].name, _quoted(columns_of(kind))
    keys = [column.name for column in TABLES[kind].primary_key.columns]
    insert = (
        f'INSERT INTO "{name}" ({columns}, received_at) SELECT {columns}, %s FROM "incoming_{name}" '  # noqa: S608
        f"ORDER BY {_quoted(keys)}, place ON CONFLICT DO NOTHING"
    )
    shown = ", ".join(f't."{key}"::text' for key in keys)
    existing = (
        f'SELECT DISTINCT {shown} FROM "{name}" t JOIN "incoming_{name}" USING ({_quoted(keys)}) '  # noqa: S608
        "WHERE t.received_at < %s"
    )
    return insert, existing


def _postgres_append(kind: type[Row]) -> str:
    return f'COPY "{TABLES[kind].name}" ({_quoted(columns_of(kind))}, received_at) FROM STDIN'


_SQLITE_INSERT = {kind: _sqlite_insert(kind) for kind in TABLES}
_POSTGRES_APPEND = {kind: _postgres_append(kind) for kind in TABLES}
_POSTGRES_COPY = {kind: _postgres_copy(kind) for kind in TABLES}
_POSTGRES_MERGE = {kind: _postgres_merge(kind) for kind in TABLES}
