"""One namespace of an API server in which runs are made, what runs them is played, and operators come and go."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import killed_operator
from operator_process import MODULE, OperatorProcess, launch_operator
from polling import wait_until
from training_player import TrainingPlayer, install_ray_jobs, playing_trainings
from training_world import DIGEST, report

from apiserver import ApiServer

Object = dict[str, Any]
PAWL = "pawl.dev/v1alpha1"
PATIENCE = 60
SETTINGS = {
    "PAWL_COLLECTOR_URL": "http://collector",
    "PAWL_MLFLOW_TRACKING_URI": "http://mlflow",
    "PAWL_TRAINER_IMAGE": "trainer:1",
    "PAWL_TRAINING_POLL": "200ms",
    "PAWL_TRAINING_START_DEADLINE": "2m",
}
KILLED = (str(Path(killed_operator.__file__).resolve()),)


@dataclass
class Yard:
    """Handles for a test; every test names its own run."""

    server: ApiServer
    namespace: str
    directory: Path
    player: TrainingPlayer
    operator: OperatorProcess | None = None

    def start(self, command: tuple[str, ...] = MODULE, *, wait: bool = True, **env: str) -> OperatorProcess:
        """Start an operator."""
        settings = SETTINGS | env
        self.operator = launch_operator(self.directory, self.server.kubeconfig, self.namespace, settings, command)
        if wait:
            wait_until(self.operator.leading, PATIENCE, self.operator.tail)
        return self.operator

    def train(self, name: str, **spec: Any) -> Object:
        """Make a run, and the Component that it needs."""
        meta = {"namespace": self.namespace}
        if not self.server.exists(PAWL, "Component", "facts", self.namespace):
            body = {"apiVersion": PAWL, "kind": "Component", "metadata": meta | {"name": "facts"}, "spec": {}}
            self.server.create(body)
        wanted = {"component": "facts", "trainer": "linear-tagger"} | spec
        body = {"apiVersion": PAWL, "kind": "TrainingRun", "metadata": meta | {"name": name}, "spec": wanted}
        return self.server.create(body)

    def edit(self, name: str, **spec: Any) -> None:
        """Change a run's spec."""
        self.server.patch(PAWL, "TrainingRun", name, {"spec": spec}, self.namespace)

    def status(self, name: str) -> Object:
        """A run's status."""
        return self.server.get(PAWL, "TrainingRun", name, self.namespace).get("status") or {}

    def condition(self, name: str, kind: str) -> tuple[str, str]:
        """Status and reason of a condition; empty where there is none."""
        found = {entry["type"]: entry for entry in self.status(name).get("conditions") or []}
        return found.get(kind, {}).get("status", ""), found.get(kind, {}).get("reason", "")

    def wait_condition(self, name: str, kind: str, value: str, reason: str) -> None:
        """Wait for a condition."""
        wait_until(lambda: self.condition(name, kind) == (value, reason), PATIENCE, lambda: self.explain(name))

    def wait_phase(self, name: str, phase: str) -> Object:
        """Wait for a phase and return the status."""
        wait_until(lambda: self.status(name).get("phase") == phase, PATIENCE, lambda: self.explain(name))
        return self.status(name)

    def wait_job(self, name: str) -> Object:
        """Wait for a Job and return it."""
        wait_until(lambda: self.player.job(name) is not None, PATIENCE, self.explain)
        found = self.player.job(name)
        assert found is not None
        return found

    def wait_ray(self, run: str, doomed: OperatorProcess | None = None) -> str:
        """Wait for a run's job in the Ray cluster and return its identifier; empty: `doomed` ended before that."""

        def ended() -> bool:
            return doomed is not None and doomed.process.poll() is not None

        def mine() -> list[str]:
            return [name for name in self.player.ray.jobs if name.startswith(f"{self.namespace}-{run}-")]

        wait_until(lambda: bool(mine()) or ended(), PATIENCE, lambda: self.explain(run))
        return next(iter(mine()), "")

    def wait_gone(self, name: str) -> None:
        """Wait until a run is not there any more."""
        there = lambda: self.server.exists(PAWL, "TrainingRun", name, self.namespace)  # noqa: E731 - read twice
        wait_until(lambda: not there(), PATIENCE, lambda: self.explain(name) if there() else "")

    def version(self) -> Object:
        """The version that a trainer registers here."""
        return {"source": f"models:/{self.namespace}.facts/7", "digest": DIGEST}

    def report(self, outcome: str = "Succeeded") -> str:
        """A trainer's last line."""
        return report(outcome, registered=self.version() if outcome == "Succeeded" else None)

    def explain(self, name: str = "") -> str:
        """What to print when something did not come."""
        status = self.status(name) if name else ""
        return f"\nstatus: {status}\nlog: {self.operator.tail() if self.operator is not None else ''}"


@contextmanager
def set_yard(server: ApiServer, namespace: str, directory: Path) -> Iterator[Yard]:
    """Build a yard without an operator; ends whatever was started in it."""
    install_ray_jobs(server)
    with playing_trainings(server, namespace, directory) as player:
        yard = Yard(server, namespace, directory, player)
        try:
            yield yard
        finally:
            if yard.operator is not None:
                yard.operator.process.kill()
                yard.operator.process.wait(10)


def train_through_kill(yard: Yard, kill_after: int) -> bool:
    """Train with a kill after the k-th write; False when the run needed fewer writes than that."""
    doomed = yard.start(KILLED, wait=False, KILL_AFTER=str(kill_after))
    yard.train("run", engine={"rayAddress": yard.player.ray.url})
    name = yard.wait_ray("run", doomed)
    if not name:
        yard.start()
        name = yard.wait_ray("run")
    yard.player.ray.logs[name] = yard.report()
    yard.player.ray.jobs[name]["status"] = "SUCCEEDED"

    def over() -> bool:
        released = "finalizers" not in yard.server.get(PAWL, "TrainingRun", "run", yard.namespace)["metadata"]
        return (yard.status("run").get("phase") == "Succeeded" and released) or doomed.process.poll() is not None

    wait_until(over, PATIENCE, lambda: yard.explain("run"))
    killed = doomed.process.poll() is not None
    if yard.operator is doomed and killed:
        yard.start()
    status = yard.wait_phase("run", "Succeeded")
    assert [(entry["number"], entry["reason"]) for entry in status["attempts"]] == [(1, "Registered")]
    assert status["registered"] == yard.version()
    assert list(yard.player.ray.jobs) == [name]
    return killed
