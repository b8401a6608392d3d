"""Exports of the collector inside one process: how many at once, what breaks one off, and what a line holds."""

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from pawl_services.collector import exports as exports_module
from pawl_services.collector.app import collector_app
from pawl_services.collector.exports import line_of
from pawl_services.collector.pseudonym import Pseudonyms
from pawl_services.collector.settings import collector_settings
from pawl_services.db.engine import Database, open_database
from pawl_services.db.examples import Example, Span
from pawl_services.web.auth import ApiKeys, ApiKeysError, read_keys
from pawl_services.web.problem import ProblemError
from pawl_services.web.settings import load

ASKED = "/v1/examples?component=facts"
AN_EXAMPLE = Example(
    "i", "u", 1_795_428_000_000_001, 1_795_428_000_500_000, {"text": "é"}, [], None, "correction", None
)


def write_keys(path: Path, **roles: list[str] | None) -> None:
    """Keys by their token, each with its roles."""
    entries = [
        {"sha256": hashlib.sha256(token.encode()).hexdigest(), "namespace": "demo"}
        | ({} if given is None else {"roles": given})
        for token, given in roles.items()
    ]
    path.write_text(json.dumps({"keys": entries}))


@asynccontextmanager
async def reader(folder: Path, **chosen: str) -> AsyncIterator[httpx.AsyncClient]:
    write_keys(folder / "keys.json", both=["read", "write"])
    (folder / "pseudonym").write_text("00" * 32)
    values = {
        "PAWL_DATABASE_URL": f"sqlite:///{folder / 'pawl.db'}",
        "PAWL_API_KEYS_FILE": str(folder / "keys.json"),
        "PAWL_PSEUDONYM_KEY_FILE": str(folder / "pseudonym"),
        **chosen,
    }
    settings = load(collector_settings, values)
    database = open_database(settings.database_url)
    app = collector_app(settings, database, ApiKeys(settings.api_keys_file), Pseudonyms(bytes(32)))
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test", headers={"Authorization": "Bearer both"}
    )
    async with app.router.lifespan_context(app), client:
        yield client


async def test_past_the_bound_an_export_is_refused_and_a_place_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    running, gate = threading.Event(), threading.Event()

    def gated(_: Database, span: Span) -> Iterator[list[Example]]:
        assert (span.namespace, span.component, span.after) == ("demo", "facts", 0)
        running.set()
        assert gate.wait(20)
        yield [AN_EXAMPLE]

    monkeypatch.setattr(exports_module, "examples", gated)
    async with reader(tmp_path, PAWL_MAX_EXPORTS="1") as client:
        first = asyncio.create_task(client.get(ASKED))
        assert await asyncio.to_thread(running.wait, 20)
        refused = await client.get(ASKED)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.headers["content-type"] == "application/problem+json"
        gate.set()
        assert (await first).status_code == 200
        assert (await client.get(ASKED)).status_code == 200
        metrics = (await client.get("/metrics")).text
    assert "pawl_collector_examples_total 2.0" in metrics
    assert 'pawl_collector_refused_total{reason="429"} 1.0' in metrics


async def test_an_export_that_loses_its_database_breaks_off_without_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def lost(*_: object) -> Iterator[list[Example]]:
        yield [AN_EXAMPLE]
        raise OperationalError("x", None, Exception("away"))

    monkeypatch.setattr(exports_module, "examples", lost)
    async with reader(tmp_path, PAWL_MAX_EXPORTS="1") as client:
        for _ in range(2):
            # Twice: the place of the first is free again.
            with pytest.raises(OperationalError):
                await client.get(ASKED)


async def test_who_takes_nothing_loses_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exports_module, "TAKE_SECONDS", 0.05)
    ended: list[bool] = []
    stream = exports_module._Stream(iter([b"line\n"]), {}, lambda: ended.append(True))

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def stuck(_: object) -> None:
        await asyncio.Event().wait()

    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    with pytest.raises(BaseException):  # noqa: B017  a group of errors or the error itself, by the server's version
        await asyncio.wait_for(stream(scope, receive, stuck), 20)  # type: ignore[arg-type]
    assert ended == [True]


async def test_without_the_database_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def away(_: Database) -> int:
        raise OperationalError("x", None, Exception("away"))

    async with reader(tmp_path) as client:
        monkeypatch.setattr(Database, "watermark", away)
        answer = await client.get(ASKED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_line_is_one_object_with_times_to_the_microsecond():
    line = line_of(AN_EXAMPLE)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    found = json.loads(line)
    assert (found["time"], found["labelledAt"]) == ("2026-11-23T10:00:00.000001Z", "2026-11-23T10:00:00.500000Z")
    assert (found["truth"], found["revision"], found["input"]) == (None, None, {"text": "é"})


def test_a_key_may_what_its_roles_say_and_writes_by_default(tmp_path: Path):
    path = tmp_path / "keys.json"
    write_keys(path, default=None, reads=["read"], both=["write", "read"])
    keys = ApiKeys(path)
    found = {name: sorted(keys.caller(f"Bearer {name}").roles) for name in ("default", "reads", "both")}
    assert found == {"default": ["write"], "reads": ["read"], "both": ["read", "write"]}
    with pytest.raises(ProblemError) as refused:
        keys.caller("Bearer reads").require_role("write")
    assert refused.value.problem.status == 403
    assert "its roles are read" in refused.value.problem.detail


@pytest.mark.parametrize("roles", [[], ["admin"]])
def test_roles_that_do_not_exist_are_refused(tmp_path: Path, roles: list[str]):
    path = tmp_path / "keys.json"
    write_keys(path, key=roles)
    with pytest.raises(ApiKeysError, match="roles"):
        read_keys(path)
