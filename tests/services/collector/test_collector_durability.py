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


def stored_ids(url: str) -> list[str]:
    """Every interaction's id in the database, read after the collector is gone."""
    database = open_database(url)
    with database.read() as connection:
        ids = list(connection.execute(select(interactions.c.id)).scalars())
    database.close()
    return ids


class Load:
    """Threads that send batches until told to stop; knows what was acknowledged and what was tried."""

    def __init__(self, collector: CollectorProcess, threads: int = 6, batch: int = 7) -> None:
        self.acknowledged: list[str] = []
        self.tried: list[str] = []
        self.refused: list[int] = []
        self.broken = 0
        self._collector = collector
        self._batch = batch
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def has_acknowledged(self, count: int) -> Callable[[], bool]:
        """Whether at least `count` records were acknowledged."""
        return lambda: len(self.acknowledged) >= count

    def _run(self) -> None:
        with self._collector.client(TENANT) as client:
            while not self._stop.is_set() and self._send(client):
                pass

    def _send(self, client: httpx.Client) -> bool:
        records = [interaction() for _ in range(self._batch)]
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
    settings = {"PAWL_DRAIN_SECONDS": "1", "PAWL_FLUSH_INTERVAL": "300ms"}
    with collector_process(database_url, tmp_path / "c", settings) as collector:
        with Load(collector) as load:
            wait_until(load.has_acknowledged(40), 60, collector.log.read_text)
            collector.terminate()
            wait_until(lambda: httpx.get(f"{collector.address}/readyz").status_code == 503, 5)
            during = len(load.acknowledged)
            wait_until(load.has_acknowledged(during + 1), 5)
            assert collector.ended() == 0
        assert load.broken == 0
        assert load.refused == []
    assert sorted(stored_ids(database_url)) == sorted(load.acknowledged)


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
            wait_until(lambda: httpx.get(f"{collector.address}/readyz").status_code == 503, 20)
            assert httpx.get(f"{collector.address}/livez").status_code == 200
            server.start()
            before = len(load.acknowledged)
            wait_until(load.has_acknowledged(before + 100), 60, collector.log.read_text)
            assert httpx.get(f"{collector.address}/readyz").status_code == 200
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
