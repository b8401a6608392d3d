"""Durable interactions per second of the collector, HTTP to commit, beside the database loading the same rows itself.

The peer on Postgres is server-side COPY of the same rows into the same empty table with the same indexes; on SQLite
one executemany in one transaction. Both are measured in the same run, so the ratio holds on any machine. A third row
is the cost of one `log_interaction` in the application's thread, beside `json.dumps` of the same record.
"""

import http.client
import json
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.record import ROOT, Row, write

sys.path.insert(0, str(ROOT / "tests" / "support"))

import psycopg
from collector_process import collector_process, token_of
from postgres import PostgresServer, postgres_server
from records import interaction

from pawl.client import ClientLimits, PawlClient, new_interaction_id

RECORDS = 60_000
BATCH = 500
CONNECTIONS = 6
REPEATS = 3
CALLS = 5_000
AIM = 0.40
WORDS = "I moved to Oslo last spring and now work at the harbour, my sister still lives in Bergen with two dogs. " * 5


def bodies() -> list[bytes]:
    """Requests with RECORDS interactions of about 0.9 kB, made before the clock runs."""
    made = []
    for _ in range(RECORDS // BATCH):
        batch = [interaction(id=new_interaction_id(), input={"text": WORDS}) for _ in range(BATCH)]
        made.append(json.dumps({"interactions": batch}).encode())
    return made


def collector_rate(url: str, home: Path) -> float:
    """Interactions acknowledged per second."""
    requests = bodies()
    with collector_process(url, home) as collector:
        address = urlsplit(collector.address)
        workers = [
            threading.Thread(target=_send, args=(str(address.hostname), address.port, requests[number::CONNECTIONS]))
            for number in range(CONNECTIONS)
        ]
        start = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return RECORDS / (time.perf_counter() - start)


def _send(host: str, port: int, requests: list[bytes]) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    headers = {"Authorization": f"Bearer {token_of('tenant-0')}", "Content-Type": "application/json"}
    for body in requests:
        connection.request("POST", "/v1/interactions", body, headers)
        answer = connection.getresponse()
        counted = json.loads(answer.read())
        if counted != {"accepted": BATCH, "duplicates": 0}:
            raise RuntimeError(f"{answer.status}: {counted}")
    connection.close()


def copy_rate(server: PostgresServer, url: str) -> float:
    """Rows per second of COPY from a file on the server, of the rows that are in the table now."""
    file = server.home / "rows"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"COPY interactions TO '{file}'")
        connection.execute("TRUNCATE interactions")
        connection.execute("CHECKPOINT")
        start = time.perf_counter()
        connection.execute(f"COPY interactions FROM '{file}'")
        seconds = time.perf_counter() - start
        (count,) = connection.execute("SELECT count(*) FROM interactions").fetchone() or (0,)
    file.unlink()
    return float(count) / seconds


def bulk_rate(file: Path) -> float:
    """Rows per second of one executemany in one durable transaction, of the rows that are in the table now."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    rows = connection.execute("SELECT * FROM interactions").fetchall()
    connection.execute("DELETE FROM interactions")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    places = ", ".join("?" * len(rows[0]))
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO interactions VALUES ({places})", rows)  # noqa: S608
    connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return len(rows) / seconds


def on_postgres() -> tuple[float, float]:
    """Collector and COPY, in rows per second."""
    with postgres_server() as server, tempfile.TemporaryDirectory() as home:
        url = server.new_database()
        return collector_rate(url, Path(home)), copy_rate(server, url)


def on_sqlite() -> tuple[float, float]:
    """Collector and executemany, in rows per second."""
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "pawl.db"
        return collector_rate(f"sqlite:///{file}", Path(home)), bulk_rate(file)


def client_call() -> tuple[float, float]:
    """Median microseconds of `log_interaction` and of `json.dumps`, for the same record; nobody is listening."""
    client = PawlClient("http://127.0.0.1:9", str(uuid.uuid4()), "fact-extraction", ClientLimits(linger=60.0))
    record = interaction(input={"text": WORDS})
    sent = {name: record[name] for name in ("user", "input", "output", "revision", "arm", "release", "step")}
    ours = _median_micros(lambda: client.log_interaction(**sent))
    theirs = _median_micros(lambda: json.dumps(record))
    client.close(0.0)
    return ours, theirs


def _median_micros(call: Callable[[], object]) -> float:
    times = []
    for _ in range(CALLS):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1000


def row(metric: str, unit: str, peer: str, aim: float, pairs: list[tuple[float, float]], *, higher: bool = True) -> Row:
    """One line of the result: medians of both, and the median of the ratios within a run."""
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    return {
        "metric": metric,
        "value": round(statistics.median(ours for ours, _ in pairs), 1),
        "unit": unit,
        "peer": peer,
        "peer_value": round(statistics.median(theirs for _, theirs in pairs), 1),
        "ratio": round(ratio, 3),
        "aim": aim,
        "met": ratio >= aim if higher else ratio <= aim,
    }


def main() -> None:
    """Measure and write results/ingest.json."""
    rows = [
        row(
            "durable interactions, Postgres", "1/s", "server-side COPY of the same rows", AIM,
            [on_postgres() for _ in range(REPEATS)],
        ),
        row(
            "durable interactions, SQLite", "1/s", "executemany in one transaction", AIM,
            [on_sqlite() for _ in range(REPEATS)],
        ),
        row(
            "log_interaction in the caller", "us", "json.dumps of the same record", 2.0,
            [client_call() for _ in range(REPEATS)], higher=False,
        ),
    ]  # fmt: skip
    write("ingest", rows, records=RECORDS, batch=BATCH)


if __name__ == "__main__":
    main()
