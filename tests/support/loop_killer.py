"""Kills one of those who take part in the loop, at a moment drawn by chance, and says what it was in the middle of."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pod_killer import find_container, killer_of
from polling import wait_until

from pawl_devcluster.cluster import Cluster
from pawl_examples import install
from pawl_examples.kube import Kube
from pawl_examples.loop.setting import LOOP, NAMESPACE

Json = dict[str, Any]
TRAINING_STARTS, BACK_WITHIN, EVERY = 400.0, 180.0, 2.0
RAY = f"pawl.dev/trainingrun={LOOP}-1,ray.io/node-type="


@dataclass(frozen=True)
class Victim:
    """Where its only pod is, a word of its main process's command, and the seconds among which the moment is drawn.

    The moment counts from the act's beginning, or, for a pod that a training makes, from when that is ready.
    """

    namespace: str
    selector: str
    word: str
    within: float
    of_training: bool = False


def _part(name: str, module: str) -> Victim:
    return Victim(install.SYSTEM, f"app.kubernetes.io/component={name}", module, 220.0)


VICTIMS = {
    "operator": _part("operator", "pawl_operator"),
    "assigner": _part("assigner", "pawl_services.assigner"),
    "monitor": _part("monitor", "pawl_services.monitor"),
    "worker": Victim(NAMESPACE, f"{RAY}worker", "/bin/bash", 12.0, of_training=True),
    "head": Victim(NAMESPACE, f"{RAY}head", "/bin/bash", 20.0, of_training=True),
}


@dataclass(frozen=True)
class Killed:
    """Seconds after the act's beginning, and what the loop was doing then."""

    seconds: float
    loop: str
    back: bool


def kill_at_random(cluster: Cluster, kube: Kube, victim: Victim, seed: str) -> Killed:
    """Wait for the moment that `seed` draws, and kill; a part of Pawl is waited for until it is ready again."""
    began = time.monotonic()
    if victim.of_training:
        wait_until(_ready(cluster, victim), TRAINING_STARTS, lambda: "the training's pod was never ready", EVERY)
    time.sleep(random.Random(seed).uniform(0, victim.within))
    found, seconds = find_container(cluster, victim.namespace, victim.selector), time.monotonic() - began
    killer_of(cluster)(found, victim.word)
    doing = str((kube.get("learningloops.pawl.dev", LOOP, "-n", NAMESPACE).get("status") or {}).get("phase"))
    if not victim.of_training:
        wait_until(_again(cluster, victim, found.restarts), BACK_WITHIN, lambda: f"{found.pod} is not back", EVERY)
    return Killed(seconds, doing, not victim.of_training)


def _ready(cluster: Cluster, victim: Victim) -> Callable[[], bool]:
    def ready() -> bool:
        pods = cluster.kubectl.get("pods", "--namespace", victim.namespace, "--selector", victim.selector)["items"]
        return len(pods) == 1 and find_container(cluster, victim.namespace, victim.selector).ready

    return ready


def _again(cluster: Cluster, victim: Victim, restarts: int) -> Callable[[], bool]:
    def again() -> bool:
        found = find_container(cluster, victim.namespace, victim.selector)
        return found.restarts > restarts and found.ready

    return again
