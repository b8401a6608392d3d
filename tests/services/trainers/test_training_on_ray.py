"""A distributed run on a real Ray cluster: its worker is killed once, and it ends as if nothing had been."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from collector_process import CollectorProcess, collector_process
from ray_cluster import RayCluster, ray_cluster
from training_process import Ended, environment_of, run_training
from training_samples import plan_document
from training_talk import LEARNABLE, TENANT, talk

WORKER = "ray::_learn"


@dataclass(frozen=True)
class Engine:
    """A collector with examples, and a Ray cluster."""

    collector: CollectorProcess
    ray: RayCluster
    home: Path

    def train(self, **changes: object) -> Ended:
        dataset = {"minExamples": 100, "validationPercent": 10, "testPercent": 40}
        dataset |= {"until": datetime.now(UTC).isoformat()}
        plan = plan_document(dataset=dataset, distributed=True, register=False, **changes)
        environment = environment_of(self.collector, self.home, TENANT, plan)
        return run_training(environment | self.ray.environment, self.home / "run.log")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = tmp_path_factory.mktemp("ray")
    with (
        collector_process(f"sqlite:///{home / 'pawl.db'}", home) as collector,
        ray_cluster(home / "ray.log") as ray,
    ):
        talk(collector)
        yield Engine(collector, ray, home)


# Ray's own processes take most of a minute to start where two cores do much else.
@pytest.mark.timeout(400)
def test_a_run_survives_the_death_of_its_worker(engine: Engine) -> None:
    with engine.ray.kill_first(WORKER):
        ended = engine.train()

    assert len(engine.ray.killed) == 1
    assert (ended.code, ended.report["outcome"]) == (0, "Succeeded"), ended.log
    assert ended.report["dataset"]["have"] == LEARNABLE
    assert ended.report["gate"]["passed"]
    messages = [line["message"] for line in ended.progress if line["stage"] == "train"]
    assert "waiting for a Ray worker with resource 'trainer'" in messages
    assert any(message.startswith("trained on") for message in messages), "progress comes from the worker"


@pytest.mark.timeout(400)
def test_what_the_trainer_refuses_on_the_worker_is_told_in_its_words(engine: Engine) -> None:
    ended = engine.train(parameters={"depth": "9"})

    assert (ended.code, ended.report["outcome"]) == (1, "Failed")
    assert ended.report["message"].startswith("parameters.depth: is not known")
