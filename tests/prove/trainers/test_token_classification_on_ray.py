"""Token classification by Ray Train: the worker is killed, then its whole task, and the model is the same bytes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ray_cluster import RayCluster, ray_cluster
from training_samples import samples

from pawl.artifacts import digest_directory
from pawl_trainers.harness.fitting import Assignment

TRAINED_BY, STARTED_BY = "ray::RayTrainWorker", "ray::_learn"
EPOCHS = 40
_DRIVER = """
import sys
from pathlib import Path
from test_token_classification_on_ray import assignment
from pawl.artifacts import digest_directory
from pawl_trainers.harness.ray_worker import fit_on_worker

folder = fit_on_worker(assignment(distributed=True), Path(sys.argv[1]), lambda part, said: print(said, flush=True))
print("digest", digest_directory(folder), flush=True)
"""


def assignment(distributed: bool) -> Assignment:
    people = samples(12)
    return Assignment(
        trainer="token-classification",
        train=people[12:],
        validation=people[:12],
        base_model="random-2-layer",
        parameters={"epochs": str(EPOCHS), "learningRate": "0.003"},
        seed=3,
        distributed=distributed,
    )


class Killer:
    """Kills the worker when the first epoch is told of, and the task that started it when half of them are done."""

    def __init__(self, ray: RayCluster) -> None:
        self._ray, self._todo = ray, [(1, TRAINED_BY), (EPOCHS // 2, STARTED_BY)]
        self.killed: list[str] = []

    def hear(self, line: str) -> None:
        epoch = re.match(r"epoch (\d+):", line)
        if epoch and self._todo and int(epoch.group(1)) >= self._todo[0][0]:
            _, title = self._todo.pop(0)
            for pid in self._ray.processes(title):
                os.kill(pid, signal.SIGKILL)
                self.killed.append(title)


# Each process of Ray's imports torch anew, which takes long where two cores do much else.
@pytest.mark.timeout(500)
def test_killed_twice_it_goes_on_and_ends_with_the_same_model(tmp_path: Path) -> None:
    with ray_cluster(tmp_path / "ray.log") as ray, (tmp_path / "driver.log").open("wb") as log:
        killer = Killer(ray)
        paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        command = [sys.executable, "-c", _DRIVER, str(tmp_path / "far")]
        environment = os.environ | ray.environment | {"PYTHONPATH": paths}
        lines = []
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as driver:
            assert driver.stdout is not None
            try:
                for line in driver.stdout:
                    lines.append(line.rstrip())
                    killer.hear(line)
            except BaseException:
                driver.kill()
                raise
    told = "\n".join(lines) + (tmp_path / "driver.log").read_text()
    here = assignment(distributed=False).fit(tmp_path, lambda part, said: None)

    assert driver.returncode == 0, told
    assert killer.killed == [TRAINED_BY, STARTED_BY], told
    assert len([line for line in lines if line.startswith("epoch 1:")]) == 1, "no epoch is learned from anew"
    assert lines[-1] == f"digest {digest_directory(here)}", told
