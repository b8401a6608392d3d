"""Opens the database of the services: SQLite (WAL, one writer) or Postgres (psycopg 3), behind one small class."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError

from pawl_services.db.sqlite_file import BUSY_SECONDS, SqliteFile
from pawl_services.db.tables import METADATA, receive_clock

Backend = Literal["sqlite", "postgresql"]

CONNECT_SECONDS = 5
STATEMENT_MILLISECONDS = 60_000
# Advisory locks of Postgres are numbered by the application: "pawl" in ASCII, then what the lock is for.
SCHEMA_LOCK = 0x7061776C01
RECEIVE_LOCK = 0x7061776C02


class DatabaseUrlError(ValueError):
    """The database address cannot be used; the message says what is accepted and never repeats the address."""


class NotWritableError(OperationalError):
    """The database takes no writes; `why` is one sentence that holds no address and no data."""

    def __init__(self, why: str) -> None:
        super().__init__("ping", None, Exception(why))
        self.why = why


class Database:
    """A pool of connections and the few operations whose form depends on the backend."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.backend: Backend = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
        self._file = SqliteFile(Path(engine.url.database or "")) if self.backend == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot for all reads under it."""
        with self.engine.connect() as connection:
            if self.backend == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end and rolled back on an error; on SQLite the only writer meanwhile."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(pawl_write=True)
            with connection.begin():
                if self._file is not None:
                    self._file.locked()
                yield connection

    def ping(self) -> None:
        """Raise sqlalchemy.exc.SQLAlchemyError when the database does not answer, or NotWritableError for no writes.

        What it proves. Postgres: it answers and is no standby. SQLite: the file is the one that was opened, may be
        written and has room on its volume, and its write lock was free, or was had by a write of this process, within
        `BUSY_SECONDS`: a writer holds it for short times. Nothing is written, so an error that only a write or its
        sync meets (a broken disk, a quota) is not seen here.
        """
        if why := self._ping_file(self._file) if self._file is not None else self._ping_server():
            raise NotWritableError(why)

    def _ping_file(self, file: SqliteFile) -> str | None:
        try:
            return file.unwritable(self.engine)
        except (sqlite3.Error, OSError) as error:
            raise OperationalError("ping", None, error) from error

    def _ping_server(self) -> str | None:
        with self.engine.connect() as connection:
            standby = connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one()
        return "this Postgres is a standby and takes no writes" if standby else None

    def watermark(self) -> int:
        """A receive time W (microseconds) with every row of `received_at` <= W visible to a read begun from now on.

        No row with `received_at` <= W is ever added later, with any number of collectors and also when the clock
        is set back: writers hold a shared lock from stamping to commit (on SQLite: they are alone), this takes the
        lock exclusively, and W is remembered so that later stamps are larger.
        """
        with self.write() as connection:
            if self.backend == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RECEIVE_LOCK})
            previous = last_watermark(connection)
            now = max(database_micros(connection), previous)
            connection.execute(receive_clock.update().values(value=now))
        return now

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def last_watermark(connection: Connection) -> int:
    """The last watermark that a reader was given."""
    return int(connection.execute(receive_clock.select()).one().value)


def database_micros(connection: Connection) -> int:
    """Now, in microseconds, by the one clock all writers share: Postgres' own, or this machine's for SQLite."""
    if connection.dialect.name == "postgresql":
        now = connection.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))
        return int(now.scalar_one())
    return time.time_ns() // 1000


def open_database(url: str) -> Database:
    """Open `sqlite:////path/file.db` or `postgresql://...` and create missing tables.

    Raises DatabaseUrlError for an address that cannot be used, sqlalchemy.exc.SQLAlchemyError when it does not answer.
    """
    address = _address(url)
    engine = _sqlite(address) if address.get_backend_name() == "sqlite" else _postgres(address)
    _create_schema(Database(engine))
    # A second one: a database knows its file, and SQLite's may be there only since now.
    return Database(engine)


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        raise DatabaseUrlError("not a database address; use sqlite:////path/file.db or postgresql://host/db") from None
    if address.get_backend_name() == "sqlite":
        if not address.database or address.database == ":memory:":
            raise DatabaseUrlError("SQLite needs a file to be durable; use sqlite:////path/file.db")
        return address.set(drivername="sqlite+pysqlite")
    if address.get_backend_name() in {"postgresql", "postgres"}:
        return address.set(drivername="postgresql+psycopg")
    raise DatabaseUrlError(
        f"{address.drivername} is not supported; use sqlite:////path/file.db or postgresql://host/db"
    )


def _sqlite(address: URL) -> Engine:
    Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _: object) -> None:
        # We begin transactions ourselves: the driver's implicit BEGIN is deferred and comes too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("pawl_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgres(address: URL) -> Engine:
    # A server that is told not to wait for its disk would break "durable before it answers".
    options = f"-c synchronous_commit=on -c statement_timeout={STATEMENT_MILLISECONDS} -c timezone=UTC"
    return create_engine(
        address,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": options, "application_name": "pawl"},
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=CONNECT_SECONDS,
        hide_parameters=True,
    )


def _create_schema(database: Database) -> None:
    with database.write() as connection:
        if database.backend == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})
        METADATA.create_all(connection)
        if connection.execute(receive_clock.select()).first() is None:
            connection.execute(receive_clock.insert().values(name="watermark", value=0))
