"""The client against the real collector: what it counts as sent is in the database, over an outage and a restart."""

import os
from pathlib import Path

import pytest
from collector_process import collector_process, token_of
from polling import wait_until
from sqlalchemy import select

from pawl.client import ClientLimits, PawlClient
from pawl.client import sender as sender_module
from pawl_services.db.engine import open_database
from pawl_services.db.tables import feedback, interactions

TENANT = "tenant-0"
SECONDS = 60


def test_what_was_logged_is_stored_across_a_restart_of_the_collector(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sender_module, "LAST_PAUSE", 0.5)
    ids: list[str] = []
    limits = ClientLimits(linger=0.01, batch_items=20)
    with collector_process(database_url, tmp_path / "c") as collector:
        port = collector.address.rpartition(":")[2]
        client = PawlClient(collector.address, token_of(TENANT), "fact-extraction", limits)
        for number in range(100):
            ids.append(client.log_interaction(user=f"u{number % 7}", input=number, output=[], revision="r", step=1))
            client.feedback(ids[-1], "correction", {"truth": []})
        wait_until(lambda: client.stats().sent > 20, SECONDS)
        collector.kill()
    ids += [client.log_interaction(user="u", input=number, output=[]) for number in range(100, 150)]
    wait_until(lambda: client.stats().retries > 0, SECONDS)
    with collector_process(database_url, tmp_path / "c", {"PAWL_PORT": port}):
        assert client.flush(SECONDS)
        stats = client.stats()
        assert client.close()
    assert (stats.sent, stats.dropped, stats.rejected, stats.queued) == (250, 0, 0, 0)
    database = open_database(database_url)
    with database.read() as connection:
        stored = connection.execute(select(interactions.c.id)).scalars().all()
        labels = connection.execute(select(feedback.c.interaction)).scalars().all()
    database.close()
    assert sorted(stored) == sorted(ids)
    assert sorted(labels) == sorted(ids[:100])


def test_nothing_the_application_gives_is_refused(tenant, collector):
    with PawlClient(collector.address, token_of(tenant.name), "fact-extraction") as client:
        client.log_interaction(user="a\x00b", input="\ud800", output=float("nan"), session="s", confidence=0.5)
        client.log_interaction(user="u", input={"k\x00": 10**40}, output="é", metadata={"x": "\x00"})
        client.log_interaction(
            user="u", input=1, output=1, predictions=[{"component": "t", "output": 1, "revision": "r"}]
        )
        assert client.flush(SECONDS)
        assert (client.stats().sent, client.stats().rejected) == (3, 0)
    assert len(tenant.rows(interactions)) == 3


def test_a_forked_child_sends_its_own_records_only(tenant, collector):
    client = PawlClient(collector.address, token_of(tenant.name), "fact-extraction", ClientLimits(linger=30))
    client.log_interaction(user="parent", input=1, output=1)
    child = os.fork()
    if child == 0:
        client.log_interaction(user="child", input=2, output=2)
        os._exit(0 if client.flush(SECONDS) and client.stats().sent == 1 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert client.flush(SECONDS)
    assert client.stats().sent == 1
    client.close()
    assert sorted(str(row["input"]) for row in tenant.rows(interactions)) == ["1", "2"]
