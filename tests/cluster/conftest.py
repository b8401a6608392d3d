"""The cluster level: one cluster with everything on it, on which the demo has run once as a user runs it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from own_cluster import TRAINER, cluster_named, make_stand

from pawl_devcluster.settings import name_here
from pawl_examples.bringup import Stand
from pawl_examples.dataset import Material, load_material

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
CLUSTER = name_here("e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test pays for the cluster, so each may take as long as a cold start."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo puts its model and its report."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def own_cluster() -> Iterator[None]:
    """A cluster of its own name, so that nobody's other cluster is touched; taken down at the end."""
    with cluster_named(CLUSTER):
        yield


@pytest.fixture(scope="session")
def report(own_cluster: None, folder: Path) -> Json:
    """What `make demo KEEP=1` reported; its output is shown when a test fails."""
    options = ("--keep", "--folder", str(folder), "--turns", TRAINER)
    command = [sys.executable, "-m", "pawl_examples.demo", *options]
    done = subprocess.run(
        command, cwd=ROOT, check=False, timeout=3600, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(done.stdout.decode(errors="replace")[-20_000:])
    found: Json = json.loads((folder / "report.json").read_text())
    found["exitCode"] = done.returncode
    return found


@pytest.fixture(scope="session")
def material() -> Material:
    return load_material()


@pytest.fixture(scope="session")
def stand(report: Json, folder: Path, material: Material) -> Stand:
    """The same cluster, set up once more."""
    return make_stand(folder, material)
