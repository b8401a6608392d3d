"""What the assigner is told: every mistake at once, with its remedy."""

from pathlib import Path

import pytest
from assigner_process import write_keys

from pawl_services.assigner.settings import read_settings
from pawl_services.web.settings import SettingsError, load


def given(tmp_path: Path) -> dict[str, str]:
    token = tmp_path / "token"
    token.write_text("t")
    keys = write_keys(tmp_path / "keys.json")
    return {"PAWL_API_SERVER": "http://kube", "PAWL_API_TOKEN_FILE": str(token), "PAWL_API_KEYS_FILE": str(keys)}


def test_defaults_watch_the_whole_cluster(tmp_path: Path) -> None:
    settings = load(read_settings, given(tmp_path))
    assert (settings.namespaces, settings.pace.watch, settings.server.port) == ((), 30.0, 8080)
    assert settings.api.ca_file is None


def test_namespaces_and_the_length_of_a_watch_are_read(tmp_path: Path) -> None:
    more = {"PAWL_NAMESPACES": "demo, shop,", "PAWL_WATCH_TIMEOUT": "1m"}
    settings = load(read_settings, given(tmp_path) | more)
    assert (settings.namespaces, settings.pace.watch) == (("demo", "shop"), 60.0)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    wrong = {"PAWL_API_KEYS_FILE": str(tmp_path / "none"), "PAWL_WATCH_TIMEOUT": "1h", "PAWL_API_SERVER": "kube"}
    with pytest.raises(SettingsError) as raised:
        load(read_settings, given(tmp_path) | wrong)
    assert [problem.partition("=")[0] for problem in raised.value.problems] == [
        "PAWL_API_KEYS_FILE",
        "PAWL_WATCH_TIMEOUT",
        "PAWL_API_SERVER",
    ]
