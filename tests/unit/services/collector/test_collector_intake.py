"""What the collector refuses: before it reads a body for want of room, and after it by the name of the wrong member."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from records import feedback, interaction

from pawl_services.collector import app as app_module
from pawl_services.collector.app import collector_app
from pawl_services.collector.pseudonym import Pseudonyms
from pawl_services.collector.settings import collector_settings
from pawl_services.db.engine import open_database
from pawl_services.db.writer import Written
from pawl_services.web.auth import ApiKeys
from pawl_services.web.settings import SettingsError, load

JSON = {"Content-Type": "application/json"}
MIB = 2**20


def settings_of(folder: Path, **chosen: str) -> dict[str, str]:
    entries = [
        {"sha256": hashlib.sha256(b"whole").hexdigest(), "namespace": "demo"},
        {"sha256": hashlib.sha256(b"trust").hexdigest(), "namespace": "demo", "components": ["trust"]},
    ]
    (folder / "keys.json").write_text(json.dumps({"keys": entries}))
    (folder / "pseudonym").write_text("00" * 32)
    return {
        "PAWL_DATABASE_URL": f"sqlite:///{folder / 'pawl.db'}",
        "PAWL_API_KEYS_FILE": str(folder / "keys.json"),
        "PAWL_PSEUDONYM_KEY_FILE": str(folder / "pseudonym"),
        **chosen,
    }


def app_of(folder: Path, **chosen: str) -> FastAPI:
    settings = load(collector_settings, settings_of(folder, **chosen))
    database = open_database(settings.database_url)
    return collector_app(settings, database, ApiKeys(settings.api_keys_file), Pseudonyms(bytes(32)))


@asynccontextmanager
async def collector(folder: Path, key: str = "whole", **chosen: str) -> AsyncIterator[httpx.AsyncClient]:
    app = app_of(folder, **chosen)
    headers = {"Authorization": f"Bearer {key}"}
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", headers=headers)
    async with app.router.lifespan_context(app), client:
        yield client


class Upload:
    """A request whose body is held back until the test lets it go; `read` tells whether anybody asked for it."""

    def __init__(self, client: httpx.AsyncClient, declared: int | None, headers: Mapping[str, str] = JSON) -> None:
        self.read = asyncio.Event()
        self.go = asyncio.Event()
        length = {} if declared is None else {"Content-Length": str(declared)}
        self.answer = asyncio.create_task(
            client.post("/v1/interactions", content=self._body(), headers={**headers, **length})
        )

    async def _body(self) -> AsyncIterator[bytes]:
        self.read.set()
        await self.go.wait()
        yield b'{"interactions":[]}'


async def active_bytes(client: httpx.AsyncClient) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("pawl_collector_active_bytes "))


@pytest.mark.parametrize(
    ("declared", "headers"), [(2 * MIB, JSON), (None, JSON), (100, {**JSON, "Content-Encoding": "gzip"})]
)
async def test_a_body_for_which_there_is_no_room_is_refused_before_it_is_read(
    tmp_path: Path, declared: int | None, headers: dict[str, str]
):
    bounds = {"PAWL_MAX_BODY_BYTES": str(2 * MIB), "PAWL_MAX_ACTIVE_BYTES": str(3 * MIB)}
    async with collector(tmp_path, **bounds) as client:
        first = Upload(client, 2 * MIB)
        await first.read.wait()
        second = Upload(client, declared, headers)
        refused = await second.answer
        assert not second.read.is_set()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await client.post("/v1/interactions", json=interaction())).status_code == 200
        first.go.set()
        assert (await first.answer).status_code == 200
        assert await active_bytes(client) == 0


async def test_what_was_kept_beyond_the_body_is_free_once_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    waiting, gate = asyncio.Event(), asyncio.Event()

    async def held(*_: object) -> Written:
        waiting.set()
        await gate.wait()
        return Written(1, 0)

    monkeypatch.setattr(app_module.Collector, "_write", held)
    body = json.dumps(interaction()).encode()

    async def chunked() -> AsyncIterator[bytes]:
        yield body

    async with collector(tmp_path) as client:
        sent = asyncio.create_task(client.post("/v1/interactions", content=chunked(), headers=JSON))
        await waiting.wait()
        assert await active_bytes(client) == len(body)
        gate.set()
        assert (await sent).status_code == 200


async def test_a_body_that_does_not_come_gives_its_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app_module, "BODY_SECONDS", 0.05)
    async with collector(tmp_path) as client:
        late = Upload(client, MIB)
        answer = await late.answer
        assert (answer.status_code, answer.headers["connection"]) == (408, "close")
        assert await active_bytes(client) == 0


async def test_a_client_that_goes_away_is_no_error_of_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    app = app_of(tmp_path)
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": "POST", "path": "/v1/interactions", "raw_path": b"/v1/interactions",
        "query_string": b"", "headers": [(b"authorization", b"Bearer whole"), (b"content-length", b"10")],
        "http_version": "1.1", "scheme": "http", "server": ("test", 80), "root_path": "",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert "request failed" not in caplog.text


async def test_a_bound_below_one_body_is_refused_at_the_start(tmp_path: Path):
    values = settings_of(tmp_path, PAWL_MAX_BODY_BYTES=str(4 * MIB), PAWL_MAX_ACTIVE_BYTES=str(2 * MIB))
    with pytest.raises(SettingsError, match="PAWL_MAX_ACTIVE_BYTES"):
        load(collector_settings, values)
    values["PAWL_MAX_BODY_BYTES"] = str(100 * MIB)
    del values["PAWL_MAX_ACTIVE_BYTES"]
    assert load(collector_settings, values).max_active_bytes == 100 * MIB


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"kind": "thumbs", "value": {"up": "yes"}}, "value.up", "yes"),
        ({"kind": "thumbs", "value": {"down": True}}, "value.up", None),
        ({"kind": "thumbs", "value": {"up": 1}}, "value.up", 1),
        ({"kind": "correction", "value": {"truth_": 1}}, "value.truth", None),
        ({"time": "1999-12-31T23:59:59Z"}, "time", "1999-12-31T23:59:59+00:00"),
        ({"value": {"truth": ["a\x00b"]}}, "value", "a\x00b"),
    ],
)
async def test_feedback_that_says_nothing_is_refused_by_the_name_and_value_of_its_member(
    tmp_path: Path, changes: dict[str, object], field: str, value: object
):
    said = feedback(interaction()["id"], **changes)
    async with collector(tmp_path) as client:
        batch = await client.post("/v1/feedback", json={"feedback": [feedback(said["interaction"]), said]})
        alone = await client.post("/v1/feedback", json=said)
    assert (batch.status_code, alone.status_code) == (422, 422)
    assert (batch.json()["field"], batch.json()["value"]) == (f"feedback[1].{field}", value)
    assert (alone.json()["field"], alone.json()["value"]) == (field, value)
    assert field in alone.json()["detail"]


async def test_what_a_value_holds_that_cannot_be_stored_is_given(tmp_path: Path):
    sent = interaction(user="a\x00b")
    async with collector(tmp_path) as client:
        problem = (await client.post("/v1/interactions", json=sent)).json()
    assert (problem["field"], problem["value"]) == ("user", "a\x00b")


@pytest.mark.parametrize("batch", [{"feedback": []}, feedback(interaction()["id"])])
async def test_a_key_for_some_components_labels_nothing(tmp_path: Path, batch: dict[str, object]):
    async with collector(tmp_path, key="trust") as client:
        refused = await client.post("/v1/feedback", json=batch)
        taken = await client.post("/v1/interactions", json=interaction(component="trust"))
    assert (refused.status_code, taken.status_code) == (403, 200)
    assert refused.headers["content-type"] == "application/problem+json"
    assert "key for the whole tenant" in refused.json()["remedy"]


async def test_a_key_for_the_whole_tenant_labels_as_before(tmp_path: Path):
    async with collector(tmp_path) as client:
        assert (await client.post("/v1/feedback", json=feedback(interaction()["id"]))).json()["accepted"] == 1


async def test_not_ready_says_what_is_wrong_with_the_database(tmp_path: Path):
    async with collector(tmp_path) as client:
        assert (await client.get("/readyz")).status_code == 200
        (tmp_path / "pawl.db").rename(tmp_path / "elsewhere.db")
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert "file is gone" in answer.json()["detail"]
        (tmp_path / "elsewhere.db").rename(tmp_path / "pawl.db")
        assert (await client.get("/readyz")).status_code == 200
