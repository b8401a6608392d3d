"""Which nodes an image is put on: those whose pods it is for, each once, those that came later too."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from pawl_devcluster import images_transfer
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.image_table import CPU, GPU, MLFLOW, RECIPES, find_recipe
from pawl_devcluster.images_transfer import NOTES, ImageTransfer
from pawl_devcluster.kind import KindProvider
from pawl_devcluster.provider import Provider
from pawl_devcluster.settings import Size, from_environment
from pawl_devcluster.state import StateStore
from pawl_devcluster.tools import Tools, make_tools

OPERATOR = "localhost/pawl/operator:dev"
TRAINER = "localhost/pawl/trainer:dev"
TORCH = "localhost/pawl/trainer-torch:dev"
TORCH_CPU = "localhost/pawl/trainer-torch-cpu:dev"
STRANGER = "localhost/somebody/else:1"


class FakeProvider:
    """Has nodes, and remembers what was put on them."""

    def __init__(self, cpu: list[str], gpu: list[str]) -> None:
        self.cpu, self.gpu = cpu, gpu
        self.loads: list[list[str]] = []

    def cpu_nodes(self) -> list[str]:
        return self.cpu

    def gpu_nodes(self) -> list[str]:
        return self.gpu

    def load_archive(self, archive: Path, nodes: Sequence[str]) -> None:
        assert archive.exists()
        self.loads.append(list(nodes))


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    folders = {"PAWL_CACHE": str(tmp_path / "cache"), "PAWL_DEVCLUSTER_STATE": str(tmp_path / "state")}
    found = make_tools(from_environment(folders), lambda _: None)
    found.settings.state.mkdir(parents=True)
    return found


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A store of images and what each one's id is."""
    known = dict.fromkeys((OPERATOR, TRAINER, TORCH, TORCH_CPU, MLFLOW, STRANGER), "id-1")

    def pushed(command: Sequence[object], timeout: float) -> str:
        Path(str(command[-1]).split(":")[1]).write_text("an archive")
        return ""

    monkeypatch.setattr(images_transfer, "find", lambda name: ("buildah", known[name]))
    monkeypatch.setattr(images_transfer, "image_size", lambda *_: 1)
    monkeypatch.setattr(images_transfer.shell, "run", pushed)
    return known


def transfer(tools: Tools, provider: FakeProvider) -> ImageTransfer:
    return ImageTransfer(tools, cast(Provider, provider))


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        (OPERATOR, ["n1"]),
        (MLFLOW, ["n1"]),
        (TRAINER, ["n1", "g1"]),
        (TORCH, ["g1"]),
        (TORCH_CPU, ["n1", "g1"]),
        (STRANGER, ["n1", "g1"]),
    ],
)
def test_an_image_goes_where_its_pods_go(tools: Tools, name: str, nodes: list[str]) -> None:
    provider = FakeProvider(["n1"], ["g1"])
    transfer(tools, provider).load_named(name)
    transfer(tools, provider).load_named(name)
    assert provider.loads == [nodes], "once"


def test_a_node_that_came_later_gets_what_the_others_have(tools: Tools) -> None:
    provider = FakeProvider(["n1"], [])
    transfer(tools, provider).load_named(TRAINER)
    provider.gpu = ["g1"]
    transfer(tools, provider).load_named(TRAINER)
    assert provider.loads == [["n1"], ["g1"]]


def test_a_new_build_is_sent_again_and_named_nodes_go_before_the_images_own(
    tools: Tools, store: dict[str, str]
) -> None:
    provider = FakeProvider(["n1"], ["g1"])
    transfer(tools, provider).load_named(OPERATOR, ["g1"])
    store[OPERATOR] = "id-2"
    transfer(tools, provider).load_named(OPERATOR, ["g1"])
    assert provider.loads == [["g1"], ["g1"]]
    assert json.loads((tools.settings.state / NOTES).read_text()) == {f"{OPERATOR}@g1": "id-2"}


def test_no_archive_is_left(tools: Tools) -> None:
    transfer(tools, FakeProvider(["n1"], ["g1"])).load_named(TORCH)
    assert [path.name for path in tools.settings.state.iterdir()] == [NOTES]


def test_an_image_for_gpu_nodes_is_refused_where_there_is_none(tools: Tools) -> None:
    with pytest.raises(DevclusterError, match=r"trainer-torch:dev is for GPU nodes.*--size gpu"):
        transfer(tools, FakeProvider(["n1"], [])).load_named(TORCH)


def test_where_no_node_is_ours_the_provider_refuses(tools: Tools) -> None:
    provider = FakeProvider([], [])
    transfer(tools, provider).load_named(OPERATOR)
    assert provider.loads == [[]]


def test_only_pods_that_tolerate_the_taint_are_for_gpu_nodes() -> None:
    assert {name for name, recipe in RECIPES.items() if GPU in recipe.pools} == {TRAINER, TORCH, TORCH_CPU}
    assert {recipe.pools for name, recipe in RECIPES.items() if "trainer" not in name} == {(CPU,)}
    assert find_recipe(STRANGER) is None


@pytest.mark.parametrize(("size", "nodes"), [(Size.NODE, []), (Size.GPU, ["pawl-dev-worker"])])
def test_kind_has_a_gpu_node_in_the_gpu_size(tools: Tools, size: Size, nodes: list[str]) -> None:
    StateStore(tools.settings).create("kind", size)
    assert KindProvider(tools).gpu_nodes() == nodes
    assert KindProvider(tools).cpu_nodes() == ["pawl-dev-control-plane"]
