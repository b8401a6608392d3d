"""Past its bounds the collector refuses at once with 429, keeps what it took, and recovers."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from collector_process import collector_process, token_of
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


def upload(port: int, declared: int) -> socket.socket:
    """Begin a request of `declared` bytes and send none of them."""
    lines = (
        "POST /v1/interactions HTTP/1.1",
        "Host: collector",
        f"Authorization: Bearer {token_of('tenant-0')}",
        f"Content-Length: {declared}",
    )
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    return connection


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


def test_a_body_for_which_there_is_no_room_is_refused_before_it_is_sent(tmp_path: Path):
    settings = {"PAWL_MAX_ACTIVE_BYTES": str(12 * 2**20)}
    with collector_process(f"sqlite:///{tmp_path / 'pawl.db'}", tmp_path / "c", settings) as collector:
        port = int(collector.address.rpartition(":")[2])
        with collector.client("tenant-0") as client:

            def inside() -> bool:
                return "pawl_collector_active_bytes 7.340032e+06" in client.get("/metrics").text

            with upload(port, 7 * 2**20):
                wait_until(inside, 30, lambda: client.get("/metrics").text)
                with upload(port, 7 * 2**20) as refused:
                    answer = refused.recv(4096).decode()
                assert answer.startswith("HTTP/1.1 429")
                assert "retry-after: 1" in answer.lower()
                assert "application/problem+json" in answer
                assert client.post("/v1/interactions", json=interaction()).status_code == 200


def test_a_busy_sqlite_is_ready_and_one_whose_file_is_gone_is_not(tmp_path: Path):
    path = tmp_path / "pawl.db"
    with collector_process(f"sqlite:///{path}", tmp_path / "c") as collector:
        database = open_database(f"sqlite:///{path}")
        with collector.client("tenant-0") as client:
            with writers_blocked(database):
                assert [client.get("/readyz").status_code for _ in range(3)] == [200] * 3
            path.unlink()
            answer = client.get("/readyz")
        database.close()
    assert answer.status_code == 503
    assert "file is gone" in answer.json()["detail"]
