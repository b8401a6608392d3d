"""Mirrored requests: answered like any other, reported to the real collector, and never counted as live."""

import sqlite3
import uuid
from contextlib import closing

import pytest
from collector_process import collector_process, token_of
from modelserver_process import REVISION, START_SECONDS, ready_modelserver, text_request
from polling import wait_until

TENANT = "tenant-0"


def _copy(interaction: str | None, host: str = "facts.demo.internal-shadow:8080") -> dict[str, str]:
    return {"host": host, **({"x-pawl-interaction-id": interaction} if interaction else {})}


def test_answers_to_copies_reach_the_collector_once_each(tmp_path):
    database = tmp_path / "pawl.db"
    token = tmp_path / "token"
    token.write_text(token_of(TENANT) + "\n")
    interactions = [str(uuid.uuid4()) for _ in range(20)]
    with collector_process(f"sqlite:///{database}", tmp_path / "collector") as receiver:
        settings = {"collector_url": receiver.address, "collector_token_file": str(token)}
        with ready_modelserver(tmp_path, **settings) as server:
            assert server.infer(text_request("live"), {"x-pawl-interaction-id": str(uuid.uuid4())}).status_code == 200
            for interaction in interactions:
                assert server.infer(text_request("copied"), _copy(interaction)).status_code == 200
            server.infer(text_request("nobody's"), _copy(None))
            wait_until(lambda: len(_rows(database)) == len(interactions), START_SECONDS)

            assert server.metric("pawl_modelserver_requests_total{") == 1
            assert server.metric("pawl_modelserver_request_seconds_count{") == 1
            assert server.metric("pawl_modelserver_mirrored_total{") == 21
            assert server.metric("pawl_modelserver_mirrored_dropped_total{") == 1, (
                "without an interaction it has no pair"
            )
    rows = _rows(database)

    assert {row[0] for row in rows} == set(interactions)
    assert {row[1:] for row in rows} == {(REVISION, "Mirror", '[{"value":"copied"}]')}


def test_what_is_queued_at_the_end_is_still_reported(tmp_path):
    database = tmp_path / "pawl.db"
    token = tmp_path / "token"
    token.write_text(token_of(TENANT))
    with collector_process(f"sqlite:///{database}", tmp_path / "collector") as receiver:
        settings = {"collector_url": receiver.address, "collector_token_file": str(token)}
        with ready_modelserver(tmp_path, **settings) as server:
            server.infer(text_request("last"), _copy(str(uuid.uuid4())))
            server.terminate()
            assert server.ended() == 0

        assert len(_rows(database)) == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:9"])
def test_a_collector_that_is_away_costs_neither_answer_nor_end(tmp_path, address):
    with ready_modelserver(tmp_path, collector_url=address) as server:
        assert server.infer(text_request("copied"), _copy(str(uuid.uuid4()))).status_code == 200
        wait_until(lambda: server.metric("pawl_modelserver_mirrored_dropped_total{") == 1, START_SECONDS)
        assert server.get("/readyz").status_code == 200
        server.terminate()
        assert server.ended() == 0


def _rows(database) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT interaction, revision, source, output FROM predictions").fetchall()
    return [(str(uuid.UUID(interaction)), *rest) for interaction, *rest in found]
