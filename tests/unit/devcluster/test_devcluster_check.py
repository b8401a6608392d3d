"""Where no cluster can run, one sentence says so before anything is built or changed."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from pawl_devcluster import cluster, native
from pawl_devcluster.cache import GIB
from pawl_devcluster.cgroups import Cgroups
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.settings import Settings, Size, from_environment
from pawl_devcluster.state import StateStore
from pawl_devcluster.tools import Tools


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A root's machine without an engine, on which a build fails the test."""
    monkeypatch.setattr(cluster, "docker_answers", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Tools, "program", lambda _, name: pytest.fail(f"{name} was built"))
    folders = {"PAWL_CACHE": str(tmp_path / "cache"), "PAWL_DEVCLUSTER_STATE": str(tmp_path / "state")}
    return from_environment({**folders, "PAWL_DEVCLUSTER_NAME": "t"})


def refusal(settings: Settings) -> str:
    """The sentence with which `up` refuses; `check` gives the same one."""
    with pytest.raises(DevclusterError) as refused:
        cluster.up(Size.NODE, [], settings, lambda _: None)
    with pytest.raises(DevclusterError) as told:
        cluster.check(Size.NODE, settings)
    assert str(told.value) == str(refused.value)
    return str(refused.value)


def test_without_root(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "run as root, start docker, or set PAWL_KUBECONFIG" in refusal(settings)
    assert not settings.state_root.exists()


def test_without_control_groups(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(native, "Cgroups", lambda name: Cgroups(name, tmp_path / "none"))
    assert "lacks the cgroup controllers cpu, memory, pids" in refusal(settings)


@pytest.mark.parametrize(
    ("free", "sentence"),
    [
        (2, "A cluster of size node needs 3.0 GiB free"),
        (4, "Building Kubernetes from source the first time needs 10.0 GiB free"),
    ],
)
def test_without_space(settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, sentence: str) -> None:
    monkeypatch.setattr(Cgroups, "check", lambda _: None)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free * GIB))
    assert sentence in refusal(settings)


def test_a_cluster_of_another_checkout_is_not_taken_over(settings: Settings, tmp_path: Path) -> None:
    theirs = tmp_path / "clone"
    theirs.mkdir()
    StateStore(replace(settings, checkout=theirs)).create("native", Size.API)
    assert f"belongs to the checkout {theirs}: take it down there" in refusal(settings)


def test_a_cluster_whose_checkout_is_gone_is_ours_once_we_bring_it_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = StateStore(settings)
    StateStore(replace(settings, checkout=tmp_path / "deleted")).create("native", Size.API)
    assert store.other_owner() is None
    source = SimpleNamespace(name="native", kubeconfig=Path("/k"), check=lambda _: None, up=lambda _: None)
    monkeypatch.setattr(cluster, "NativeProvider", lambda _: source)
    monkeypatch.setattr(Tools, "program", lambda _, name: Path(name))
    cluster.up(Size.API, [], settings, lambda _: None)
    found = store.load()
    assert found is not None
    assert found.checkout == str(settings.checkout)
