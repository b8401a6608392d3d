"""Past its bounds the collector refuses at once with 429, keeps what it took, and recovers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from collector_process import collector_process
from polling import wait_until
from records import interaction
from sqlalchemy import text

from pawl_services.db.engine import RECEIVE_LOCK, Database, open_database
from pawl_services.db.tables import interactions


@contextmanager
def writers_blocked(database: Database) -> Iterator[None]:
    """Hold what every writer needs: SQLite's one write lock, or the receive lock on Postgres."""
    with database.write() as connection:
        if database.backend == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RECEIVE_LOCK})
        yield


def test_a_full_queue_answers_429_and_loses_nothing_it_took(database_url: str, tmp_path: Path):
    with collector_process(database_url, tmp_path / "c", {"PAWL_QUEUE_ROWS": "50"}) as collector:
        database = open_database(database_url)
        with collector.client("tenant-0") as client, ThreadPoolExecutor(30) as pool:

            def send(_: int) -> tuple[int, str | None]:
                answer = client.post("/v1/interactions", json={"interactions": [interaction() for _ in range(10)]})
                return answer.status_code, answer.headers.get("retry-after")

            def refused() -> bool:
                return 'pawl_collector_refused_total{reason="429"}' in client.get("/metrics").text

            with writers_blocked(database):
                sent = [pool.submit(send, number) for number in range(30)]
                wait_until(refused, 8, collector.log.read_text)
            answers = [future.result(60) for future in sent]
            accepted = sum(status == 200 for status, _ in answers)
            assert {status for status, _ in answers} == {200, 429}
            assert {after for status, after in answers if status == 429} == {"1"}
            assert client.post("/v1/interactions", json=interaction()).status_code == 200
        with database.read() as connection:
            stored = len(connection.execute(interactions.select()).all())
        database.close()
    assert stored == 10 * accepted + 1


def test_too_many_requests_at_once_are_refused(database_url: str, tmp_path: Path):
    with collector_process(database_url, tmp_path / "c", {"PAWL_MAX_ACTIVE_REQUESTS": "2"}) as collector:
        database = open_database(database_url)
        with collector.client("tenant-0") as client, ThreadPoolExecutor(6) as pool:
            with writers_blocked(database):
                sent = [pool.submit(client.post, "/v1/interactions", json=interaction()) for _ in range(6)]
                wait_until(lambda: sum(future.done() for future in sent) == 4, 8, collector.log.read_text)
            statuses = sorted(future.result(60).status_code for future in sent)
        database.close()
    assert statuses == [200, 200, 429, 429, 429, 429]
