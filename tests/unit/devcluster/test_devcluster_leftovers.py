"""What `down` takes away: every trace of its own, also after an interruption, and nothing of another checkout's."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pawl_devcluster import cache_mounts, cleanup, cluster
from pawl_devcluster.host import remove_tree
from pawl_devcluster.image_table import workspace
from pawl_devcluster.settings import Settings, Size, from_environment, name_here
from pawl_devcluster.state import StateStore


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {"PAWL_CACHE": str(tmp_path / "cache"), "PAWL_DEVCLUSTER_STATE": str(tmp_path / "state")}
    return replace(from_environment(folders), checkout=folder(tmp_path / "ours"))


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.fixture
def down(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """`down`, with or without `--all`, on clusters that are no more than their state."""

    class Source:
        name = "native"

        def __init__(self, tools: object) -> None:
            self.settings: Settings = tools.settings  # type: ignore[attr-defined]

        def down(self) -> None:
            remove_tree(self.settings.state)

    monkeypatch.setattr(cluster, "NativeProvider", Source)
    lines: list[str] = []

    def run(*, everything: bool = False) -> list[str]:
        (cleanup.down_all if everything else cluster.down)(settings, lines.append)
        return lines

    return run


def remains_of_an_interruption(settings: Settings) -> Path:
    """The folder that is left when ctrl-C comes while a `down` removes the last files."""
    left = settings.state_root / f".{settings.name}.removed"
    (folder(left / "n1" / "containerd") / "layer").write_text("gigabytes")
    return left


@pytest.mark.parametrize("everything", [False, True])
def test_the_rest_of_an_interrupted_down_goes_with_the_next(settings: Settings, down, everything: bool) -> None:
    remains_of_an_interruption(settings)
    down(everything=everything)
    assert not settings.state_root.exists()


def test_the_rest_goes_with_the_down_of_a_cluster_of_the_same_name(settings: Settings, down) -> None:
    StateStore(settings).create("native", Size.API)
    remains_of_an_interruption(settings)
    assert down() == ["cluster dev is gone"]
    assert not settings.state_root.exists()


def create(settings: Settings, name: str, checkout: Path) -> Path:
    one = replace(settings, name=name, checkout=checkout)
    StateStore(one).create("native", Size.API)
    return one.state


def test_all_are_those_of_this_checkout_and_those_whose_checkout_is_gone(
    settings: Settings, down, tmp_path: Path
) -> None:
    ours = create(settings, "ours", settings.checkout)
    orphan = create(settings, "orphan", tmp_path / "deleted")
    theirs = create(settings, "theirs", folder(tmp_path / "clone"))
    lines = down(everything=True)
    assert [state.exists() for state in (ours, orphan, theirs)] == [False, False, True]
    assert f"cluster theirs stays: it belongs to the checkout {tmp_path / 'clone'}" in lines


def test_the_cache_stays_while_a_cluster_of_another_checkout_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    removed: list[object] = []
    monkeypatch.setattr("pawl_devcluster.images.remove", removed.append)
    settings.cache.mkdir()
    theirs = create(settings, "theirs", folder(tmp_path / "clone"))
    lines: list[str] = []
    cleanup.remove_cache(settings, lines.append)
    assert lines == ["images and cache stay: cluster theirs of another checkout uses them"]
    assert settings.cache.exists()
    remove_tree(theirs)
    cleanup.remove_cache(settings, lines.append)
    assert removed
    assert not settings.cache.exists()


def test_every_build_mount_of_ours_has_the_id_by_which_it_is_found() -> None:
    for dockerfile in ("devcluster/mlflow/Dockerfile", "examples/Dockerfile"):
        mounts = re.findall(r"--mount=type=cache,(\S+)", (workspace() / dockerfile).read_text())
        assert mounts
        assert all(mount.startswith(f"id={cache_mounts.MOUNT_ID},") for mount in mounts)


def test_names_of_two_checkouts_differ_and_are_good_names() -> None:
    here, there = name_here("e2e", Path("/a")), name_here("e2e", Path("/b"))
    assert here != there
    assert from_environment({"PAWL_DEVCLUSTER_NAME": name_here("life")}).name.startswith("life")
    assert name_here("life") == name_here("life")


@pytest.mark.parametrize("name", ["pawl-uv", hashlib.sha256(b"pawl-uv").hexdigest()[:16]])
def test_only_our_build_mounts_go_and_others_are_named(tmp_path: Path, name: str) -> None:
    parent = tmp_path / "buildah-cache"
    for mount in (name, f"buildah-cache-lockfiles/{name}"):
        folder(parent / mount / "wheels-v8")
    lines: list[str] = []
    cache_mounts.remove(lines.append, {"TMPDIR": str(tmp_path)})
    assert (list(tmp_path.iterdir()), lines) == ([], [])

    folder(parent / name)
    folder(parent / "root/.cache/uv")
    cache_mounts.remove(lines.append, {"TMPDIR": str(tmp_path)})
    assert [path.name for path in parent.iterdir()] == ["root"]
    assert lines[0].startswith(f"{parent} stays")
