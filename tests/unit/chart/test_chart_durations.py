"""One grammar of durations: what the schema lets through, the operator and the monitor start with."""

import json
import re
from itertools import product
from pathlib import Path

import pytest
from helm import CHART, objects, template

from pawl.errors import InvalidSpec
from pawl_operator.settings import read_settings as read_operator
from pawl_services.monitor.settings import read_settings as read_monitor
from pawl_services.web.settings import SettingsError, load

NUMBERS = ["", "0", "00", "1", "01", "1.5", "9", "59", "60", "61", "99", "100", "999", "3599", "3600", "3601", "100000"]
ENABLED = ["--set", "metrics.serviceMonitor.enabled=true"]


def candidates() -> list[str]:
    """Hours, minutes, seconds and milliseconds in every order of size that people write, right and wrong."""
    units = ["d", "h", "m", "s", "ms"]
    two = [f"{a}{first}{b}{second}" for first, second in product(units, units) for a, b in product(NUMBERS, NUMBERS)]
    return [*NUMBERS, *two, *(f"1m{a}s{b}ms" for a, b in product(NUMBERS, NUMBERS))]


def accepted_by_schema(text: str) -> bool:
    schema = json.loads((CHART / "values.schema.json").read_text())
    name = schema["properties"]["monitor"]["properties"]["tick"]["$ref"].removeprefix("#/$defs/")
    assert schema["properties"]["prometheus"]["properties"]["scrapeInterval"]["$ref"] == f"#/$defs/{name}"
    return re.search(schema["$defs"][name]["pattern"], text) is not None


def test_the_schema_lets_through_only_what_every_process_starts_with(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    given = {"PAWL_DATABASE_URL": "x", "PAWL_API_SERVER": "http://127.0.0.1:1", "PAWL_API_TOKEN_FILE": str(token)}
    passed, refused = [text for text in candidates() if accepted_by_schema(text)], []
    for text in passed:
        try:
            tick = load(read_monitor, given | {"PAWL_TICK": text}).tick
            told = read_operator({"PAWL_MONITOR_TICK": text, "PAWL_SCRAPE_INTERVAL": text})
            assert tick == told.monitor_tick == told.scrape_interval
        except (SettingsError, InvalidSpec) as error:
            refused.append((text, str(error)))
    assert refused == []
    assert len(passed) > 100


@pytest.mark.parametrize("text", ["100ms", "500ms", "1s", "15s", "90s", "1m30s", "1s500ms", "3600s", "60m", "1h"])
def test_the_schema_lets_through_what_people_write(text: str) -> None:
    assert accepted_by_schema(text)


@pytest.mark.parametrize("text", ["", "0s", "99ms", "2h", "61m", "3601s", "1.5s", "15", "1d", "30s1m", "1h30m"])
def test_the_schema_refuses_what_is_out_of_bounds_or_shape(text: str) -> None:
    assert not accepted_by_schema(text)


def intervals(*arguments: str) -> set[str]:
    found = [one for one in objects(*ENABLED, *arguments) if one["kind"] == "ServiceMonitor"]
    assert len(found) == 4
    return {endpoint["interval"] for one in found for endpoint in one["spec"]["endpoints"]}


def test_service_monitors_scrape_as_often_as_the_operator_is_told() -> None:
    assert intervals() == {"15s"}
    assert intervals("--set", "prometheus.scrapeInterval=1m") == {"1m"}
    assert intervals("--set", "prometheus.scrapeInterval=90s,metrics.serviceMonitor.interval=1m30s") == {"1m30s"}
    assert intervals("--set", "metrics.serviceMonitor.interval=500ms") == {"500ms"}


@pytest.mark.parametrize(("interval", "scrape"), [("60s", "15s"), ("1m31s", "90s"), ("1s500ms", "1s"), ("1h", "59m")])
def test_scraping_less_often_than_the_operator_is_told_is_refused(interval: str, scrape: str) -> None:
    values = f"metrics.serviceMonitor.interval={interval},prometheus.scrapeInterval={scrape}"
    error = template(*ENABLED, "--set", values, expect=1)
    assert f"metrics.serviceMonitor.interval is {interval}, longer than prometheus.scrapeInterval ({scrape})" in error
