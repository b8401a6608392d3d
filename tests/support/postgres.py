"""A real Postgres for tests: a throw-away server on a Unix socket, run by an ordinary user, ended by its pid."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
from polling import wait_until

from pawl_devcluster import debian
from pawl_devcluster.cache import Cache
from pawl_devcluster.report import to_stderr
from pawl_devcluster.settings import from_environment
from pawl_devcluster.tools import make_tools

VERSION = 15
BINARIES = Path(f"/usr/lib/postgresql/{VERSION}/bin")
SUPERUSER = "pawl"
START_SECONDS = 60


class NoPostgresError(RuntimeError):
    """No Postgres can be had on this machine; the message says what to do."""


@dataclass
class PostgresServer:
    """A running server; databases are made on demand."""

    home: Path
    process: "subprocess.Popen[bytes] | None" = None
    _numbers: "count[int]" = field(default_factory=count)

    def url(self, database: str) -> str:
        """The address of one database."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self.home}"

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)

    def start(self) -> None:
        """Start and wait until it answers."""
        log = (self.home / "log").open("ab")
        command = ["-D", str(self.home / "data"), "-k", str(self.home), "-c", "listen_addresses="]
        self.process = subprocess.Popen(_as_ordinary_user("postgres", *command), stdout=log, stderr=log, cwd=self.home)
        log.close()
        wait_until(self._answers, START_SECONDS, lambda: (self.home / "log").read_text())

    def kill(self) -> None:
        """End it like a crash: SIGQUIT gives up at once, without writing anything back."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(START_SECONDS)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "log").read_text()
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Make, start, and in the end remove a server."""
    _require_binaries()
    home = Path(tempfile.mkdtemp(prefix="pawl-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        _run("initdb", "-D", str(home / "data"), "-U", SUPERUSER, "--auth=trust", "--no-sync", "-E", "UTF8", cwd=home)
        server = PostgresServer(home)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home)


def _require_binaries() -> None:
    cache = make_tools(from_environment(), to_stderr).cache
    # Workers that find a bare machine together: one installs, and none looks before that is done.
    with cache.locked("postgres"):
        if not (BINARIES / "postgres").exists():
            _install(cache)


def _install(cache: Cache) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoPostgresError(f"these tests need Postgres {VERSION}: install the package postgresql-{VERSION}")
    # Without this the package would create and start a server of its own.
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n")
    debian.install_tools({str(BINARIES / "postgres"): f"postgresql-{VERSION}"}, cache)


def _as_ordinary_user(program: str, *arguments: str) -> list[str]:
    command = [str(BINARIES / program), *arguments]
    if os.geteuid() != 0:
        return command
    # A server whose test run was killed must not stay behind: it is told when its parent dies.
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=INT", "--", *command]


def _run(program: str, *arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        _as_ordinary_user(program, *arguments), cwd=cwd, capture_output=True, text=True, timeout=START_SECONDS
    )
    assert done.returncode == 0, done.stderr
