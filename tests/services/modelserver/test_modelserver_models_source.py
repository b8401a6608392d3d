"""A server whose model lies in a registry: fetched before it loads, kept over a restart, given up when told to end."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_mlflow import FakeMlflow, served_mlflow
from modelserver_process import START_SECONDS, modelserver, ready_modelserver, text_request
from polling import wait_until

from pawl.artifacts import digest_directory


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMlflow]:
    fake = FakeMlflow(tmp_path / "store")
    with served_mlflow(fake) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        yield fake


@pytest.fixture
def released(mlflow: FakeMlflow, tmp_path: Path) -> dict[str, str]:
    """Settings of a released version, and a cache for it."""
    source, folder = mlflow.register("demo.facts")
    (folder / "suffix.txt").write_text("!")
    (tmp_path / "cache").mkdir()
    found = {"model_source": source, "model_digest": digest_directory(folder)}
    return found | {"model_cache": str(tmp_path / "cache")}


def test_a_registered_version_answers_and_its_restart_needs_no_registry(tmp_path, mlflow, released):
    for _ in range(2):
        with ready_modelserver(tmp_path, **released) as server:
            (value,) = server.infer(text_request("hi")).json()["outputs"][0]["data"]
            assert json.loads(value) == [{"value": "hi!"}]
            server.terminate()
            assert server.ended() == 0
        asked, mlflow.faults = len(mlflow.calls), [500] * 100
    assert len(mlflow.calls) == asked
    assert "fetched before" in server.log.read_text()


def test_other_bytes_in_the_registry_are_never_loaded(tmp_path, released):
    with modelserver(tmp_path, **released | {"model_digest": "sha256:" + "0" * 64}) as server:
        assert server.ended() == 1
    assert "not the one that was asked for" in server.log.read_text()


def test_a_version_that_is_not_there_ends_the_process_with_the_reason(tmp_path, released):
    with modelserver(tmp_path, **released | {"model_source": "models:/demo.facts/8"}) as server:
        assert server.ended() == 1
    log = server.log.read_text()
    assert "register it first" in log
    assert "models:/demo.facts/8" in log


def test_without_the_address_of_the_registry_nothing_starts(tmp_path, released, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with modelserver(tmp_path, **released) as server:
        assert server.ended() == 2
    assert "mlflow.trackingUri" in server.log.read_text()


def test_a_server_that_is_told_to_end_does_not_wait_for_its_model(tmp_path, mlflow, released):
    mlflow.gate = threading.Event()
    with modelserver(tmp_path, **released) as server:
        wait_until(lambda: any("suffix" in call for call in mlflow.calls), START_SECONDS, server.log.read_text)
        wait_until(server.listening, START_SECONDS)
        assert server.get("/livez").status_code == 200
        assert server.get("/v2/health/ready").status_code == 503
        server.terminate()
        # The call under way may end by its own timeout, and no other follows.
        assert server.ended() == 0
    mlflow.gate.set()
    assert sum("suffix" in call for call in mlflow.calls) == 1
