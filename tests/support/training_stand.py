"""A TrainingRun on a real cluster, followed to its end; what it ran as is noted while it is there."""

import time
from dataclasses import dataclass, field
from typing import Any

from pawl.client import ClientLimits, PawlClient
from pawl_examples.dataset import Material
from pawl_examples.kube import Kube

Json = dict[str, Any]
RUNS = "trainingruns.pawl.dev"
KINDS = "rayjobs.ray.io,rayclusters.ray.io,pods"
ENDED = ("Succeeded", "Failed")
LOOK_SECONDS = 1.0
SEND_SECONDS = 120.0


@dataclass
class Followed:
    """What was seen of a run: its last state, the node of each of its pods by role, and the objects by kind."""

    run: Json = field(default_factory=dict)
    nodes: dict[str, set[str]] = field(default_factory=dict)
    objects: dict[str, Json] = field(default_factory=dict)

    @property
    def status(self) -> Json:
        found: Json = self.run.get("status") or {}
        return found

    def condition(self, kind: str) -> Json:
        conditions: list[Json] = self.status.get("conditions") or []
        return next((one for one in conditions if one["type"] == kind), {})


def teach(url: str, token: str, component: str, material: Material, messages: int) -> int:
    """Log messages of learn people with their corrections, as if a model had found nothing; return how many."""
    said = material.learn[:messages]
    with PawlClient(url, token, component, ClientLimits(linger=0.05)) as client:
        for one in said:
            shown = client.log_interaction(user=one.person, input={"text": one.message.text}, output=[])
            truth = [{"slot": fact.slot, "start": fact.start, "end": fact.end} for fact in sorted(one.facts)]
            client.feedback(shown, "correction", {"truth": truth, "release_evidence": False})
        assert client.flush(SEND_SECONDS), client.stats()
        assert client.stats().dropped == 0, client.stats()
    return len(said)


def follow(kube: Kube, namespace: str, name: str, seconds: float) -> Followed:
    """Look at a run every second until it has ended or the time is over."""
    followed = Followed()
    deadline = time.monotonic() + seconds
    while followed.status.get("phase") not in ENDED and time.monotonic() < deadline:
        _look(kube, namespace, name, followed)
        time.sleep(LOOK_SECONDS)
    return followed


def _look(kube: Kube, namespace: str, name: str, followed: Followed) -> None:
    # KubeRay hands the RayJob's labels on to its RayCluster.
    for one in kube.get(KINDS, "-n", namespace, "-l", f"pawl.dev/trainingrun={name}")["items"]:
        _note(followed, one)
    followed.run = kube.get(RUNS, name, "-n", namespace)


def _note(followed: Followed, one: Json) -> None:
    role = (one["metadata"].get("labels") or {}).get("ray.io/node-type", "")
    followed.objects[f"{one['kind']} {role}".strip()] = one
    if node := one["spec"].get("nodeName"):
        followed.nodes.setdefault(role, set()).add(node)
