"""A cluster on which somebody is killed while the demo's acts are played."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_scene import Scene, open_scene
from own_cluster import cluster_named, make_stand

from pawl_devcluster.settings import name_here
from pawl_examples.bringup import Stand
from pawl_examples.dataset import Material, load_material


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where models and looks go."""
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="session")
def material() -> Material:
    return load_material()


@pytest.fixture(scope="session")
def stand(folder: Path, material: Material) -> Iterator[Stand]:
    """Pawl, Ray and MLflow on a cluster of its own."""
    with cluster_named(name_here("loop")):
        yield make_stand(folder, material)


@pytest.fixture
def scene(stand: Stand, material: Material) -> Iterator[Scene]:
    """The first act's traffic, and an eye on its Rollout."""
    with open_scene(stand, material) as scene:
        assert scene.follower.until(lambda history: history.phase == "Healthy", 120)
        yield scene
