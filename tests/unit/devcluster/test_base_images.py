"""The images that ours begin from: the official one where a registry answers, else one made of Debian's packages."""

import os
from pathlib import Path

import pytest

from pawl_devcluster import base_image
from pawl_devcluster.base_image import BASES, DEBIAN, PYTHON, Base, ensure_base
from pawl_devcluster.cache import Cache

# Each writes down what it was asked. An image is there where its name is a line of `store`.
BUILDAH = """#!/bin/sh
echo "buildah $@" >> {folder}/calls
for word; do last=$word; done
case $1 in
inspect) grep -qxF "$last" {folder}/store;;
pull) test -e {folder}/registry;;
from) echo container;;
esac
"""
DEBOOTSTRAP = """#!/bin/sh
echo "debootstrap $@" >> {folder}/calls
for word; do root=$word; done
mkdir -p $root/etc/dpkg/dpkg.cfg.d $root/var
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the programs leave `calls`, and are told what is there."""
    (tmp_path / "bin").mkdir()
    for name, script in (("buildah", BUILDAH), ("debootstrap", DEBOOTSTRAP)):
        program = tmp_path / "bin" / name
        program.write_text(script.format(folder=tmp_path))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(base_image, "check_space", lambda *_: None)
    (tmp_path / "store").touch()
    return tmp_path


def ensured(folder: Path, base: Base) -> tuple[str, str]:
    """The name of the image, and what the programs were asked."""
    found = ensure_base(base, Cache(folder / "cache", lambda _: None), lambda _: None)
    return found, (folder / "calls").read_text()


@pytest.mark.parametrize("base", BASES)
def test_where_a_registry_answers_the_official_image_is_taken(folder: Path, base: Base) -> None:
    (folder / "registry").touch()
    found, calls = ensured(folder, base)
    assert found == base.official
    assert "debootstrap" not in calls


@pytest.mark.parametrize(
    ("base", "made"),
    [
        (PYTHON, "--variant=minbase --include=python3,python3-pip,ca-certificates bookworm"),
        (DEBIAN, "--variant=minbase trixie"),
    ],
)
def test_where_none_answers_one_is_made_and_no_file_of_it_is_left(folder: Path, base: Base, made: str) -> None:
    found, calls = ensured(folder, base)
    assert found == base.stand_in
    assert f"debootstrap {made} {folder}" in calls
    assert f"container {base.stand_in}\n" in calls
    assert list((folder / "cache" / "images").iterdir()) == []


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("place", ["official", "stand_in"])
def test_what_is_there_is_taken(folder: Path, base: Base, place: str) -> None:
    name = getattr(base, place)
    (folder / "store").write_text(f"{name}\n")
    found, calls = ensured(folder, base)
    assert found == name
    assert "pull" not in calls


def test_bases_differ_in_name_and_argument() -> None:
    assert len({base.stand_in for base in BASES}) == len({base.argument for base in BASES}) == len(BASES)


def test_a_tree_is_as_slim_as_an_official_one_and_pip_may_install(tmp_path: Path) -> None:
    for name in ("usr/bin/python3", "usr/bin/pip3", "usr/lib/python3.11/EXTERNALLY-MANAGED", "var/log/dpkg.log"):
        _file(tmp_path / name)
    for name in ("usr/share/doc/apt/copyright", "usr/share/doc/apt/changelog.gz", "usr/share/man/man1/apt.1"):
        _file(tmp_path / name)
    _file(tmp_path / "etc/dpkg/dpkg.cfg.d/other")
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    base_image._shape(tmp_path)

    assert {str(path.readlink()) for path in (tmp_path / "usr/local/bin").iterdir()} == {
        "/usr/bin/python3",
        "/usr/bin/pip3",
    }
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left >= {"usr/share/doc/apt/copyright", "etc/dpkg/dpkg.cfg.d/slim"}
    assert not {name for name in left if name.endswith(("EXTERNALLY-MANAGED", ".gz", ".1", ".log"))}


def test_a_tree_without_python_gets_no_links(tmp_path: Path) -> None:
    for name in ("etc/dpkg/dpkg.cfg.d/other", "usr/local/bin/other", "var/log/dpkg.log"):
        _file(tmp_path / name)
    base_image._shape(tmp_path)
    assert [path.name for path in (tmp_path / "usr/local/bin").iterdir()] == ["other"]


def _file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
