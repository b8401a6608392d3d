"""Settings name every mistake, health says what is wrong, errors have one shape, logs hold no secret."""

import asyncio
import json
import logging

import httpx
import pytest
import structlog
from fastapi import FastAPI, HTTPException
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from pawl_services.web.health import Health, Heartbeat
from pawl_services.web.logs import configure_logs
from pawl_services.web.problem import Problem, ProblemError, field_path, shown
from pawl_services.web.server import create_app
from pawl_services.web.settings import Environment, SettingsError, load, server_settings


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def test_defaults_are_complete():
    settings = load(server_settings, {})
    assert (settings.port, settings.drain_seconds, settings.log_level) == (8080, 5.0, "info")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5.0), ("2.5", 2.5), ("500ms", 0.5), ("1m", 60.0), ("1m30s", 90.0), ("2s500ms", 2.5), (" 3 ", 3.0)],
)
def test_durations(text: str, seconds: float):
    assert load(server_settings, {"PAWL_DRAIN_SECONDS": text}).drain_seconds == seconds


@pytest.mark.parametrize("text", ["2.5s", "30s1m", "-1", "1e3", "1 m", "11m", "\u0665s"])
def test_other_durations_are_refused_with_a_remedy_that_works(text: str):
    with pytest.raises(SettingsError) as failure:
        load(server_settings, {"PAWL_DRAIN_SECONDS": text})
    assert failure.value.problems == (
        f"PAWL_DRAIN_SECONDS={text!r} is not a usable duration; use 0s to 10m, for example 5s",
    )


def test_every_mistake_is_named_at_once_with_value_and_remedy():
    values = {"PAWL_PORT": "http", "PAWL_DRAIN_SECONDS": "1d", "PAWL_LOG_LEVEL": "LOUD"}
    with pytest.raises(SettingsError) as failure:
        load(server_settings, values)
    assert len(failure.value.problems) == 3
    for name, value in values.items():
        assert any(name in line and value.lower() in line.lower() for line in failure.value.problems)


def test_addresses_files_and_switches(tmp_path):
    there = tmp_path / "there"
    there.write_text("x")

    def build(env: Environment) -> tuple[object, ...]:
        found = (env.url("URL"), env.file("FILE"), env.optional_file("NONE"))
        return (*found, env.flag("ON", default=False), env.text("T", "d"))

    values = {"URL": "http://h:1/", "FILE": str(there), "ON": "Yes"}
    assert load(build, values) == ("http://h:1", there, None, True, "d")
    with pytest.raises(SettingsError) as failure:
        load(build, {"URL": "http://user:hunter2@h", "FILE": "/nowhere", "ON": "maybe"})
    assert len(failure.value.problems) == 3
    assert "hunter2" not in str(failure.value)


async def test_health_routes_say_what_is_wrong():
    async def slow() -> str | None:
        await asyncio.Event().wait()
        return None

    def broken() -> str | None:
        raise RuntimeError("secret detail")

    health = Health(ready={"fine": lambda: None})
    async with client_of(create_app("t", health, CollectorRegistry())) as client:
        assert (await client.get("/readyz")).text == "ok"
        health.ready |= {"broken": broken, "slow": slow, "late": lambda: "not yet"}
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert {error["field"] for error in answer.json()["errors"]} == {"broken", "slow", "late"}
        assert "secret" not in answer.text
        assert (await client.get("/livez")).status_code == 200


async def test_a_draining_process_is_not_ready_and_closes_its_connections():
    health = Health()
    async with client_of(create_app("t", health, CollectorRegistry())) as client:
        assert "connection" not in (await client.get("/livez")).headers
        health.drain()
        assert (await client.get("/readyz")).status_code == 503
        answer = await client.get("/livez")
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_a_heart_that_stops_is_told():
    now = 0.0
    heart = Heartbeat(10, lambda: now)
    assert heart() is None
    now = 11.0
    assert "11 s" in str(heart())
    heart.beat()
    assert heart() is None


async def test_every_error_is_a_problem(caplog: pytest.LogCaptureFixture):
    class Body(BaseModel):
        items: list[int]

    app = create_app("t", Health(), CollectorRegistry())

    @app.post("/body")
    async def body(body: Body) -> None: ...

    @app.get("/problem")
    async def problem() -> None:
        raise ProblemError(Problem(409, "d", "r", field="f", value="v" * 1000, headers={"Retry-After": "1"}))

    @app.get("/http")
    async def plain() -> None:
        raise HTTPException(418, "tea")

    @app.get("/surprise")
    async def surprise() -> None:
        raise RuntimeError("secret detail")

    async with client_of(app) as client:
        answers = {
            422: await client.post("/body", json={"items": [1, "x"]}),
            409: await client.get("/problem"),
            418: await client.get("/http"),
            500: await client.get("/surprise"),
            404: await client.get("/nothing"),
        }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "remedy"} <= answer.json().keys()
    assert (answers[422].json()["field"], answers[422].json()["value"]) == ("items[1]", "x")
    assert answers[409].headers["retry-after"] == "1"
    assert len(answers[409].json()["value"]) < 200
    assert "secret" not in answers[500].text


async def test_requests_are_counted_by_route_not_by_path():
    registry = CollectorRegistry()
    app = create_app("t", Health(), registry)

    @app.get("/things/{name}")
    async def thing(name: str) -> str:
        return name

    async with client_of(app) as client:
        for path in ("/things/a", "/things/b", "/nope", "/livez"):
            await client.get(path)
    count = "pawl_http_requests_total"
    labels = {"method": "GET", "code": "200", "route": "/things/{name}"}
    assert registry.get_sample_value(count, labels) == 2
    assert registry.get_sample_value(count, {**labels, "code": "404", "route": "unmatched"}) == 1
    assert registry.get_sample_value(count, {**labels, "route": "/livez"}) is None


def test_values_are_shown_short_and_safe():
    assert shown([1, 2]) == "list with 2 entries"
    assert shown(10**5000) == "a very long number"
    assert len(str(shown("x" * 500))) < 130
    assert (shown(None), shown(True), shown(7)) == (None, True, 7)
    assert field_path(("body", "items", 3, "id")) == "items[3].id"
    assert field_path(()) == "body"


def test_logs_are_json_and_hide_secrets(capsys: pytest.CaptureFixture[str]):
    before = logging.getLogger().handlers
    try:
        configure_logs("collector", "INFO")
        structlog.get_logger("a").info("started", token="hunter2", rows=3)
        logging.getLogger("b").warning("from a %s", "library")
        logging.getLogger("httpx").info("GET http://h/?user=ada")
    finally:
        logging.getLogger().handlers = before
        structlog.reset_defaults()
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["event"], first["token"], first["rows"], first["service"]) == ("started", "(hidden)", 3, "collector")
    assert (second["event"], second["level"]) == ("from a library", "warning")
