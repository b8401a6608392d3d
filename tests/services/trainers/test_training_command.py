"""The whole command against real services: examples from a collector, a served champion, a version registered."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from collector_process import CollectorProcess, collector_process
from fake_mlflow_registry import FakeRegistry, fake_registry
from modelserver_process import NAME, ready_modelserver, text_request
from training_process import Ended, environment_of, run_training
from training_samples import plan_document
from training_talk import LEARNABLE, TENANT, talk

from pawl.artifacts import digest_directory

STRANGER = "tenant-1"


@dataclass(frozen=True)
class Product:
    """A product whose users have given feedback: the collector that has it, and the registry."""

    collector: CollectorProcess
    mlflow: FakeRegistry
    home: Path

    def train(self, tenant: str = TENANT, **changes: object) -> Ended:
        dataset = plan_document()["dataset"] | {"until": datetime.now(UTC).isoformat()}
        plan = plan_document(dataset=dataset) | changes
        environment = environment_of(self.collector, self.home, tenant, plan)
        return run_training(environment | {"MLFLOW_TRACKING_URI": self.mlflow.url}, self.home / "run.log")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("training")
    with collector_process(f"sqlite:///{home / 'pawl.db'}", home) as collector, fake_registry() as mlflow:
        talk(collector)
        yield Product(collector, mlflow, home)


def _champion(url: str) -> dict[str, str]:
    return {"revision": "0123456789", "source": "none", "digest": "", "url": f"{url}/v2/models/{NAME}"}


def test_a_better_version_is_registered_with_what_it_came_from_and_can_be_served(
    product: Product, tmp_path: Path
) -> None:
    with ready_modelserver(tmp_path, entrypoint="pawl_trainers.serving.rules:load") as served:
        champion = _champion(served.address)
        ended = product.train(gate={"champion": champion, "floor": "0.5", "minImprovement": "0.05", "alpha": "0.05"})

    assert (ended.code, ended.report["outcome"]) == (0, "Succeeded"), ended.log
    metrics = {one["name"]: one["value"] for one in ended.report["metrics"]}
    assert metrics["f1"] > 0.9 > metrics["champion-f1"]
    assert ended.report["gate"]["lower"] > 0.05
    assert ended.report["dataset"]["have"] == LEARNABLE, "who does not allow it is not learned from"
    assert {line["stage"] for line in ended.progress} >= {"dataset", "train", "evaluate", "gate", "register"}
    number, folder = int(ended.report["registered"]["source"].rpartition("/")[2]), tmp_path / "downloaded"
    _download(product.mlflow.files(number), folder)
    assert ended.report["registered"]["digest"] == digest_directory(folder)
    assert product.mlflow.tags(number)["pawl.dataset"] == ended.report["dataset"]["digest"]
    assert _served(folder, tmp_path, "I live in Boston now.") == [("LOCATION", "Boston")]


def test_a_second_attempt_of_a_run_registers_nothing_twice(product: Product) -> None:
    dataset = plan_document()["dataset"] | {"until": datetime.now(UTC).isoformat()}
    run = plan_document()["run"] | {"uid": str(uuid.uuid4())}
    first, second = (product.train(run=run | {"attempt": attempt}, dataset=dataset) for attempt in (1, 2))

    assert first.report["registered"] == second.report["registered"]
    assert first.report["dataset"] == second.report["dataset"]


def test_a_version_that_is_no_better_is_refused_and_not_registered(product: Product, tmp_path: Path) -> None:
    before = len(product.mlflow.versions)
    with ready_modelserver(tmp_path, entrypoint="pawl_trainers.serving.rules:load") as served:
        gate = {"champion": _champion(served.address), "minImprovement": "1"}
        ended = product.train(gate=gate)

    assert (ended.code, ended.report["outcome"]) == (0, "GateRefused"), ended.log
    assert ended.report["registered"] is None
    assert len(product.mlflow.versions) == before


def test_a_tenant_sees_only_its_own_examples(product: Product) -> None:
    ended = product.train(tenant=STRANGER)

    assert (ended.code, ended.report["outcome"]) == (3, "TooFewExamples")
    assert (ended.report["dataset"]["have"], ended.report["dataset"]["need"]) == (0, 100)


def _download(files: dict[str, bytes], folder: Path) -> None:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _served(folder: Path, home: Path, text: str) -> list[tuple[str, str]]:
    """What a model server with the one entry point finds in a text."""
    settings = {"model_source": f"file://{folder}", "model_digest": digest_directory(folder)}
    with ready_modelserver(home, entrypoint="pawl_trainers.serving.entry:load", **settings) as server:
        (facts,) = server.infer(text_request(text)).json()["outputs"][0]["data"]
    return [(fact["slot"], fact["value"]) for fact in json.loads(facts)]
