"""Kills one of those who take part in the loop at moments drawn by chance."""

import random
import time
from dataclasses import dataclass
from functools import partial

from pod_killer import find_container, kill_container, killer_of
from polling import wait_until

from pawl_devcluster.cluster import Cluster
from pawl_examples import install
from pawl_examples.kube import Kube
from pawl_examples.loop.setting import LOOP, NAMESPACE

PHASES = ("Training", "Experimenting", "Releasing")
PHASE_COMES, EVERY = 400.0, 2.0
RAY = f"pawl.dev/trainingrun={LOOP}-1,ray.io/node-type="


@dataclass(frozen=True)
class Victim:
    """Where its only pod is, and a word of its main process's command.

    The moment is drawn among the first `within` seconds after its pod is ready, for one that a training makes
    (`of_training`), or after the LearningLoop has come to each phase of a turn.
    """

    namespace: str
    selector: str
    word: str
    within: float = 45.0
    of_training: bool = False


def _part(name: str, module: str) -> Victim:
    return Victim(install.SYSTEM, f"app.kubernetes.io/component={name}", module)


VICTIMS = {
    "operator": _part("operator", "pawl_operator"),
    "assigner": _part("assigner", "pawl_services.assigner"),
    "monitor": _part("monitor", "pawl_services.monitor"),
    "worker": Victim(NAMESPACE, f"{RAY}worker", "/opt/pawl/bin/ray", 12.0, of_training=True),
    "head": Victim(NAMESPACE, f"{RAY}head", "/opt/pawl/bin/ray", 20.0, of_training=True),
}


@dataclass(frozen=True)
class Killed:
    """Seconds after the act's beginning, and the LearningLoop's phase right before."""

    seconds: float
    phase: str


def kill_at_random(cluster: Cluster, kube: Kube, victim: Victim, seed: str) -> list[Killed]:
    """Wait for each moment that `seed` draws, and kill; a part of Pawl is waited for until it is ready again."""
    began, drawn = time.monotonic(), random.Random(seed)
    killed = []
    for phase in PHASES[:1] if victim.of_training else PHASES:
        wait_until(partial(_in_phase, kube, phase), PHASE_COMES, every=EVERY)
        if victim.of_training:
            wait_until(partial(_ready, cluster, victim), PHASE_COMES, every=EVERY)
        time.sleep(drawn.uniform(0, victim.within))
        killed.append(Killed(round(time.monotonic() - began, 1), phase_of(kube)))
        _kill(cluster, victim)
    return killed


def phase_of(kube: Kube) -> str:
    """The LearningLoop's phase, empty where there is none."""
    found = kube.get("learningloops.pawl.dev", "-n", NAMESPACE)["items"]
    return str((found[0].get("status") or {}).get("phase")) if found else ""


def _in_phase(kube: Kube, phase: str) -> bool:
    return phase_of(kube) == phase


def _kill(cluster: Cluster, victim: Victim) -> None:
    where = (cluster, victim.namespace, victim.selector)
    if victim.of_training:
        killer_of(cluster)(find_container(*where), victim.word)
    else:
        kill_container(*where, victim.word)


def _ready(cluster: Cluster, victim: Victim) -> bool:
    pods = cluster.kubectl.get("pods", "--namespace", victim.namespace, "--selector", victim.selector)["items"]
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses") or []]
    return [bool(status.get("ready")) for status in statuses] == [True]
