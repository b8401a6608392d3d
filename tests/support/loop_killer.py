"""Kills one of those who take part in the loop at moments drawn by chance."""

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
STAGES = ("Training", "Experimenting", "Releasing")
STAGE_COMES, BACK_WITHIN, EVERY = 400.0, 180.0, 2.0
RAY = f"pawl.dev/trainingrun={LOOP}-1,ray.io/node-type="


@dataclass(frozen=True)
class Victim:
    """Where its only pod is, and a word of its main process's command.

    The moment is drawn among the first `within` seconds after its pod is ready, for one that a training makes
    (`of_training`), or after each stage of the turn has begun.
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
    """Seconds after the act's beginning, and the stage of the turn in which it was."""

    seconds: float
    stage: str


def kill_at_random(cluster: Cluster, kube: Kube, victim: Victim, seed: str) -> list[Killed]:
    """Wait for each moment that `seed` draws, and kill; a part of Pawl is waited for until it is ready again."""
    began, drawn = time.monotonic(), random.Random(seed)
    killed = []
    for stage in STAGES[:1] if victim.of_training else STAGES:
        wait_until(_in_stage(kube, stage), STAGE_COMES, lambda: "the turn never came so far", EVERY)
        if victim.of_training:
            wait_until(_ready(cluster, victim), STAGE_COMES, lambda: "the training's pod was never ready", EVERY)
        time.sleep(drawn.uniform(0, victim.within))
        found = find_container(cluster, victim.namespace, victim.selector)
        killer_of(cluster)(found, victim.word)
        killed.append(Killed(round(time.monotonic() - began, 1), stage))
        if not victim.of_training:
            back = _again(cluster, victim, found.restarts)
            wait_until(back, BACK_WITHIN, lambda: "the killed pod is not back", EVERY)
    return killed


def _in_stage(kube: Kube, stage: str) -> Callable[[], bool]:
    def there() -> bool:
        found = kube.get("learningloops.pawl.dev", "-n", NAMESPACE)["items"]
        return any((one.get("status") or {}).get("phase") == stage for one in found)

    return there


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
