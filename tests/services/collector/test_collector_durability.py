"""What was acknowledged is there: after SIGKILL of the collector or its database, after SIGTERM, after a restart."""

import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from collector_process import CollectorProcess, collector_process
from polling import wait_until
from postgres import postgres_server
from records import interaction
from sqlalchemy import select

from pawl_services.db.engine import open_database
from pawl_services.db.tables import interactions

TENANT = "tenant-0"
THREADS, BATCH = 6, 7


def stored_ids(url: str) -> list[str]:
    """Every interaction's id in the database, read after the collector is gone."""
    database = open_database(url)
    with database.read() as connection:
        ids = list(connection.execute(select(interactions.c.id)).scalars())
    database.close()
    return ids


class Load:
    """Threads that send batches until told to stop, or one batch each; knows what was acknowledged and tried."""

    def __init__(self, collector: CollectorProcess, *, once: bool = False) -> None:
        self.acknowledged: list[str] = []
        self.tried: list[str] = []
        self.refused: list[int] = []
        self.broken = 0
        self._collector = collector
        self._lock = threading.Lock()
        self._stop = threading.Event()
        if once:
            self._stop.set()
        self._threads = [threading.Thread(target=self._run) for _ in range(THREADS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def all_well(self) -> bool:
        """Whether everything that was tried was acknowledged."""
        return (self.broken, self.refused, sorted(self.acknowledged)) == (0, [], sorted(self.tried))

    def has_acknowledged(self, count: int) -> Callable[[], bool]:
        """Whether at least `count` records were acknowledged."""
        return lambda: len(self.acknowledged) >= count

    def _run(self) -> None:
        with self._collector.client(TENANT) as client:
            while self._send(client) and not self._stop.is_set():
                pass

    def _send(self, client: httpx.Client) -> bool:
        records = [interaction() for _ in range(BATCH)]
        ids = [record["id"] for record in records]
        with self._lock:
            self.tried += ids
        try:
            answer = client.post("/v1/interactions", json={"interactions": records})
        except httpx.ConnectError:
            return False
        except httpx.TransportError:
            with self._lock:
                self.broken += 1
            return False
        with self._lock:
            if answer.status_code == 200:
                self.acknowledged += ids
            else:
                self.refused.append(answer.status_code)
        return True


@pytest.mark.parametrize("count", [1, 21])
def test_sigkill_right_after_the_answer_loses_nothing(database_url: str, tmp_path: Path, count: int):
    sent = [interaction() for _ in range(count)]
    with collector_process(database_url, tmp_path / "c") as collector, collector.client(TENANT) as client:
        assert client.post("/v1/interactions", json={"interactions": sent}).status_code == 200
        collector.kill()
    assert sorted(stored_ids(database_url)) == sorted(record["id"] for record in sent)


def test_sigkill_under_load_loses_nothing_acknowledged(database_url: str, tmp_path: Path):
    for enough in (30, 300):
        with collector_process(database_url, tmp_path / "c") as collector, Load(collector) as load:
            wait_until(load.has_acknowledged(enough), 60, collector.log.read_text)
            collector.kill()
        stored = stored_ids(database_url)
        assert len(stored) == len(set(stored))
        assert set(load.acknowledged) <= set(stored)
        assert load.refused == []


def test_sigterm_answers_what_is_in_flight_and_ends_in_order(database_url: str, tmp_path: Path):
    """New requests are answered while it drains; what it has taken when the drain ends is answered too.

    The drain lasts until the test ends it with a second signal, so nothing rests on how fast the test is. By then, as
    in a cluster, nobody connects any more: a connection that the closing listener had not accepted would be reset.
    """
    settings = {"PAWL_DRAIN_SECONDS": "600", "PAWL_FLUSH_INTERVAL": "1s"}
    with collector_process(database_url, tmp_path / "c", settings) as collector:
        with Load(collector) as load:
            wait_until(load.has_acknowledged(40), 60, collector.log.read_text)
            collector.terminate()
            wait_until(lambda: collector.get("/readyz").status_code == 503, 60)
            during = len(load.acknowledged)
            wait_until(load.has_acknowledged(during + 2 * THREADS * BATCH), 60, collector.log.read_text)
        with Load(collector, once=True) as last:
            answered = last.has_acknowledged(THREADS * BATCH)
            wait_until(lambda: collector.active() == THREADS or answered(), 60, collector.log.read_text)
            collector.terminate()
        assert collector.ended() == 0
    assert load.all_well, load.__dict__
    assert last.all_well, last.__dict__
    assert sorted(stored_ids(database_url)) == sorted(load.acknowledged + last.acknowledged)


def test_a_restart_goes_on_where_it_was(database_url: str, tmp_path: Path):
    sent = interaction()
    stamps = []
    for outcome in ({"accepted": 1, "duplicates": 0}, {"accepted": 0, "duplicates": 1}):
        with collector_process(database_url, tmp_path / "c") as collector, collector.client(TENANT) as client:
            assert client.post("/v1/interactions", json=sent).json() == outcome
            assert client.post("/v1/interactions", json=interaction()).json()["accepted"] == 1
            collector.terminate()
            assert collector.ended() == 0
    database = open_database(database_url)
    with database.read() as connection:
        rows = connection.execute(select(interactions).order_by(interactions.c.received_at)).all()
    database.close()
    stamps = [row.received_at for row in rows]
    assert len(rows) == 3
    assert rows[0].id == sent["id"]
    assert stamps == sorted(set(stamps))
    assert len({row.user for row in rows}) == 1


def test_a_postgres_that_crashes_loses_nothing_acknowledged_and_is_found_again(tmp_path: Path):
    with postgres_server() as server:
        url = server.new_database()
        settings = {"PAWL_DRAIN_SECONDS": "0"}
        with collector_process(url, tmp_path / "c", settings) as collector, Load(collector) as load:
            wait_until(load.has_acknowledged(100), 60, collector.log.read_text)
            server.kill()
            wait_until(lambda: collector.get("/readyz").status_code == 503, 60)
            assert collector.get("/livez").status_code == 200
            server.start()
            before = len(load.acknowledged)
            wait_until(load.has_acknowledged(before + 100), 60, collector.log.read_text)
            wait_until(lambda: collector.get("/readyz").status_code == 200, 60, collector.log.read_text)
        stored = stored_ids(url)
        assert set(load.acknowledged) <= set(stored)
        assert len(stored) == len(set(stored))
        assert set(load.refused) <= {503, 429}


def test_settings_that_cannot_be_used_are_named_together(tmp_path: Path):
    with (
        pytest.raises(AssertionError) as failure,
        collector_process("mysql://x", tmp_path / "c", {"PAWL_DRAIN_SECONDS": "soon", "PAWL_QUEUE_ROWS": "-1"}),
    ):
        pass
    assert "PAWL_DRAIN_SECONDS='soon'" in str(failure.value)
    assert "PAWL_QUEUE_ROWS='-1'" in str(failure.value)
