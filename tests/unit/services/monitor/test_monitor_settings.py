"""The monitor's environment."""

from pathlib import Path

import pytest

from pawl_services.monitor.settings import MonitorSettings, read_settings
from pawl_services.web.settings import SettingsError, load


def settings(tmp_path: Path, **values: str) -> MonitorSettings:
    (tmp_path / "token").write_text("t")
    given = {
        "PAWL_DATABASE_URL": "postgresql://pawl:hunter2@db/pawl",
        "PAWL_API_SERVER": "http://127.0.0.1:1",
        "PAWL_API_TOKEN_FILE": str(tmp_path / "token"),
    }
    return load(read_settings, given | values)


def test_defaults(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert (found.tick, found.namespaces, found.lease_name) == (15.0, (), "pawl-monitor")
    assert (found.lease.duration, found.lease.renew_deadline, found.lease.retry) == (15, 10, 2)
    assert found.api.ca_file is None
    assert "hunter2" not in repr(found)


def test_values(tmp_path: Path) -> None:
    found = settings(tmp_path, PAWL_TICK="1s", PAWL_NAMESPACES="a, b,", PAWL_POD_NAME="m-0", PAWL_LEASE_DURATION="3s")
    assert (found.tick, found.namespaces, found.pod_name, found.lease.retry) == (1.0, ("a", "b"), "m-0", 0.4)


@pytest.mark.parametrize(("text", "seconds"), [("100ms", 0.1), ("1m30s", 90.0), ("60m", 3600.0), ("1h", 3600.0)])
def test_a_tick_is_written_as_durations_are_everywhere(tmp_path: Path, text: str, seconds: float) -> None:
    assert settings(tmp_path, PAWL_TICK=text).tick == seconds


@pytest.mark.parametrize("text", ["0s", "99ms", "1h1ms", "2h"])
def test_a_tick_out_of_bounds_is_named_with_its_value_and_the_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, PAWL_TICK=text)
    assert caught.value.problems == (f"PAWL_TICK={text!r} is not a usable duration; use 100ms to 1h, for example 15s",)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, PAWL_DATABASE_URL="", PAWL_TICK="soon", PAWL_API_SERVER="https://api")
    assert all(name in str(caught.value) for name in ("PAWL_DATABASE_URL", "PAWL_TICK", "PAWL_API_CA_FILE"))
