"""A kind cluster is found again and waited for; one whose creation was cut off is made anew."""

import os
from pathlib import Path

import pytest

from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.kind import KindProvider
from pawl_devcluster.settings import Size, from_environment
from pawl_devcluster.state import StateStore
from pawl_devcluster.tools import make_tools

# Keeps the names of its clusters in a file; the kubeconfig comes with the creation's end, as kind's does.
KIND = """#!/bin/sh
echo "kind $*" >> {folder}/calls
touch {folder}/clusters
case "$1 $2" in
"get clusters") cat {folder}/clusters;;
"create cluster") echo $4 > {folder}/clusters; test -e {folder}/cut-off && exit 1; touch $6;;
"delete cluster") : > {folder}/clusters;;
"export kubeconfig") touch $6;;
esac
"""
# The API server answers at the second question.
KUBECTL = """#!/bin/sh
shift
echo "kubectl $*" >> {folder}/calls
case "$*" in *readyz*) test -e {folder}/asked || {{ touch {folder}/asked; exit 1; }};; esac
"""


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KindProvider:
    assets = tmp_path / "bin"
    assets.mkdir()
    for name, script in {"kind": KIND, "kubectl": KUBECTL}.items():
        (assets / name).write_text(script.format(folder=tmp_path))
        (assets / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{assets}:{os.environ['PATH']}")
    folders = {"PAWL_CACHE": str(tmp_path / "cache"), "PAWL_DEVCLUSTER_STATE": str(tmp_path / "state")}
    settings = from_environment({**folders, "KUBEBUILDER_ASSETS": str(assets), "PAWL_DEVCLUSTER_NAME": "t"})
    return KindProvider(make_tools(settings, lambda _: None))


def calls(tmp_path: Path) -> list[str]:
    """What was asked since the last time."""
    text = (tmp_path / "calls").read_text()
    (tmp_path / "calls").unlink()
    return [" ".join(line.split()[:3]) for line in text.splitlines() if "get clusters" not in line]


def test_a_cluster_that_is_there_is_waited_for(kind: KindProvider, tmp_path: Path) -> None:
    kind.up(Size.NODE)
    assert calls(tmp_path) == ["kind create cluster"]
    kind.up(Size.NODE)
    asked = calls(tmp_path)
    assert asked[0] == "kind export kubeconfig"
    assert asked.count("kubectl get --raw") == 2
    assert asked[-1] == "kubectl wait --for=condition=Ready"


def test_a_creation_that_was_cut_off_is_begun_anew(kind: KindProvider, tmp_path: Path) -> None:
    (tmp_path / "cut-off").touch()
    with pytest.raises(DevclusterError):
        kind.up(Size.NODE)
    (tmp_path / "cut-off").unlink()
    calls(tmp_path)
    kind.up(Size.NODE)
    assert calls(tmp_path) == ["kind delete cluster", "kind create cluster"]
    assert kind.kubeconfig.exists()
    assert not (kind.kubeconfig.parent / "images.json").exists()


def test_an_old_kubeconfig_does_not_finish_a_new_cluster(kind: KindProvider, tmp_path: Path) -> None:
    kind.up(Size.NODE)
    (tmp_path / "clusters").write_text("")
    (kind.kubeconfig.parent / "images.json").write_text("{}")
    test_a_creation_that_was_cut_off_is_begun_anew(kind, tmp_path)


def test_a_cluster_that_is_too_small_is_refused_and_a_new_one_has_the_size_asked(
    kind: KindProvider, tmp_path: Path
) -> None:
    kind.up(Size.NODE)
    with pytest.raises(DevclusterError, match="can't grow to gpu"):
        kind.up(Size.GPU)
    (tmp_path / "clusters").write_text("")
    kind.up(Size.GPU)
    state = StateStore(
        from_environment({"PAWL_DEVCLUSTER_STATE": str(tmp_path / "state"), "PAWL_DEVCLUSTER_NAME": "t"})
    )
    found = state.load()
    assert found is not None
    assert found.size is Size.GPU
