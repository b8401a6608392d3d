"""Debian packages are installed by one at a time: apt's own locks would fail the second of two."""

import os
import threading
from pathlib import Path

import pytest

from pawl_devcluster import debian
from pawl_devcluster.cache import Cache
from pawl_devcluster.errors import DevclusterError

# Fails, as apt does, when another one is at work; what it installs is an empty program of the package's name.
APT = """#!/bin/sh
mkdir {folder}/locked || {{ echo "Could not get lock" >&2; exit 100; }}
echo "$@" >> {folder}/calls
for word; do package=$word; done
sleep 0.2
case " $* " in *" install "*) touch {folder}/bin/$package; chmod +x {folder}/bin/$package;; esac
rmdir {folder}/locked
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which an apt-get of our own writes what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "apt-get").write_text(APT.format(folder=tmp_path))
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path / "calls"


def install_beside_each_other(tmp_path: Path, *packages: str) -> list[Exception]:
    """What went wrong when threads asked at once, each with its own view of the cache."""
    wrong: list[Exception] = []
    start = threading.Barrier(len(packages))

    def ask(package: str) -> None:
        start.wait(timeout=10)
        try:
            debian.install_tools({package: package}, Cache(tmp_path / "cache", lambda _: None))
        except DevclusterError as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask, args=(package,)) for package in packages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return wrong


def test_two_that_install_at_once_come_one_after_the_other(calls: Path, tmp_path: Path) -> None:
    assert install_beside_each_other(tmp_path, "pawl-test-a", "pawl-test-b") == []
    assert sorted(line.split()[-1] for line in calls.read_text().splitlines()) == ["pawl-test-a", "pawl-test-b"]


def test_what_the_first_has_installed_the_second_does_not(calls: Path, tmp_path: Path) -> None:
    assert install_beside_each_other(tmp_path, "pawl-test-a", "pawl-test-a") == []
    assert len(calls.read_text().splitlines()) == 1
