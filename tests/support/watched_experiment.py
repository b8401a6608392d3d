"""An Experiment between two equal arms that stays open, for tests of who is answered by whom."""

from dataclasses import dataclass
from typing import Any

from pawl_examples import install
from pawl_examples.bringup import Stand
from pawl_examples.loop.arms import assignment_of
from pawl_examples.loop.setting import LoopTimes, control

Json = dict[str, Any]
NAME, NAMESPACE = "watched", install.LEARN
OPEN = LoopTimes(window=3600, control_most=7200)
EXPECTED_PEOPLE = 3000


@dataclass(frozen=True)
class Watched:
    """The Experiment's name, and what the Rollout published of its arms."""

    name: str
    assignment: Json


def begin(stand: Stand) -> Watched:
    """A twin of what is live against what is live; without labels nothing is ever decided."""
    stable = stand.kube.get("rollouts.pawl.dev", install.ROLLOUT, "-n", NAMESPACE)["status"]["stable"]
    twin = {"env": [{"name": "PAWL_DEMO_TWIN", "value": "2"}]}
    arm = {"source": stable["source"], "digest": stable["digest"], "serve": twin}
    stand.kube.apply(control(NAME, OPEN, EXPECTED_PEOPLE, arm))
    install.wait_for("the Experiment's traffic", lambda: phase_of(stand, NAME) == "Running", 180)
    return Watched(NAME, published(stand))


def end(stand: Stand) -> None:
    """Take it away, if it is still there."""
    options = ("-n", NAMESPACE, "--ignore-not-found", "--timeout=60s")
    stand.kube.run("delete", "experiments.pawl.dev", NAME, *options, seconds=70)


def published(stand: Stand) -> Json:
    """The assignment that the Rollout publishes, empty where it publishes none."""
    return assignment_of(stand.kube.get("rollouts.pawl.dev", install.ROLLOUT, "-n", NAMESPACE))


def phase_of(stand: Stand, name: str) -> str:
    """Where an Experiment of that namespace stands."""
    status = stand.kube.get("experiments.pawl.dev", name, "-n", NAMESPACE).get("status") or {}
    return str(status.get("phase"))
