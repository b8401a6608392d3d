"""The demo's small parts: options, times, the archive of a model, the pod that receives it, and following a watch."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pawl_examples.follow import Follower
from pawl_examples.history import History, Transition
from pawl_examples.install import loader_pod, packed
from pawl_examples.options import read_options
from pawl_examples.phases import Phases
from pawl_examples.scenarios import scenarios


def test_options_have_defaults_and_keep_comes_from_make() -> None:
    options = read_options([], {})
    assert (options.keep, options.only, str(options.report)) == (False, tuple("abcde"), ".demo/report.json")
    assert read_options([], {"KEEP": "1"}).keep
    assert not read_options([], {"KEEP": "0"}).keep
    assert read_options(["--only", "da", "--keep"], {}).only == ("a", "d")


@pytest.mark.parametrize("wrong", [["--only", "x"], ["--rate", "0"], ["--hold", "2"]])
def test_wrong_options_say_what_is_right(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(wrong, {})
    assert "use" in capsys.readouterr().err


def test_the_archive_holds_the_model_readable_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights").write_bytes(b"123")
    (tmp_path / "deep" / "weights").chmod(0o600)
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path, "linear-tagger"))) as archive:
        entry = archive.getmember("linear-tagger/deep/weights")
        assert (entry.mode, entry.uid, entry.size) == (0o644, 10001, 3)


def test_the_loader_keeps_to_the_restricted_standard() -> None:
    spec = loader_pod()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_phases_add_up_and_marks_stay() -> None:
    told: list[str] = []
    phases = Phases(told.append)
    with phases.phase("one"):
        pass
    with phases.phase("one"):
        pass
    phases.mark("first")
    first = phases.seconds["first"]
    phases.mark("first")
    assert phases.seconds["first"] == first
    assert len(told) == 2
    with pytest.raises(ValueError, match="broken"), phases.phase("bad"):
        raise ValueError("broken")
    assert "bad" not in phases.seconds


def test_one_scenario_is_harmless_and_four_are_not() -> None:
    found = scenarios("image:twin")
    assert [one.ending for one in found] == ["Promoted", *["RolledBack"] * 4]
    assert [one.key for one in found if one.may_lose] == ["c"]
    assert found[0].serve == {"image": "image:twin"}


class Stream:
    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self._objects = objects

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._objects)

    def close(self) -> None:
        self._objects = []


class Cluster:
    """Ends its first watch early, as an API server does now and then."""

    def __init__(self, *streams: list[dict[str, Any]]) -> None:
        self._streams = list(streams)

    def watch(self, *what: str) -> Stream:
        if not what[0].startswith("rollouts"):
            return Stream([])
        return Stream(self._streams.pop(0) if self._streams else [])


def state(phase: str) -> dict[str, Any]:
    return {"kind": "Rollout", "status": {"phase": phase, "stable": {"revision": "abc"}}}


def test_a_watch_that_ends_is_opened_anew_and_nothing_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawl_examples.follow.PATIENCE", 0.01)
    told: list[Transition] = []
    cluster = Cluster([state("Pending"), state("Pending"), {"kind": "Status"}], [state("Pending"), state("Healthy")])
    follower = Follower(cluster, "demo", "x", told.append)
    follower.start()
    try:
        assert follower.until(lambda history: history.phase == "Healthy", 5)
    finally:
        follower.stop()
    assert [one.after for one in told] == ["Pending abc", "Healthy abc"]


def test_waiting_for_what_does_not_come_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawl_examples.follow.PATIENCE", 0.01)

    def never(history: History) -> bool:
        return history.phase == "Never"

    follower = Follower(Cluster(), "demo", "x", lambda _: None)
    assert not follower.until(never, 0.05)
