"""Puts a version before prove people: they speak while its Experiment runs, and every answer must come from its arm."""

import time
from dataclasses import dataclass
from typing import Any

from pawl_examples import install
from pawl_examples.follow import Follower
from pawl_examples.kube import KubeError
from pawl_examples.loop.arms import Arms, arms_of, assignment_of
from pawl_examples.loop.objects import Objects
from pawl_examples.loop.talk import Part
from pawl_examples.traffic import Traffic

Json = dict[str, Any]
PUBLISHED, DECIDED = 60.0, 400.0


@dataclass(frozen=True)
class Proving:
    """How Experiments of the act are played: `proved` is what is said during each."""

    traffic: Traffic
    follower: Follower
    objects: Objects
    proved: Part

    def play(self, name: str) -> Arms:
        """Wait until the Experiment has the traffic, let people speak until it has decided, and count the arms.

        Raises KubeError where it does not come so far.
        """
        self.objects.expect("Experiment", name, _running, DECIDED, "it never had the traffic")
        assignment = self._assignment(self.objects.of("Experiment", name)["metadata"]["uid"])
        since = time.time()
        self.traffic.speak(name, self.proved.material, self.proved.pace)
        self.objects.expect("Experiment", name, _decided, DECIDED, "nothing was decided")
        until = time.time()
        self.traffic.quiet()
        return arms_of(self.traffic.ledger.rows(), assignment, since, until)

    def _assignment(self, uid: str) -> Json:
        """What the Rollout published of an Experiment's arms."""
        if not self.follower.until(lambda history: assignment_of(history.latest).get("uid") == uid, PUBLISHED):
            raise KubeError(f"rollout/{install.ROLLOUT} published no assignment within {PUBLISHED:.0f} s")
        return assignment_of(self.follower.history.latest)


def _running(status: Json) -> bool:
    return status.get("phase") in ("Running", "Complete")


def _decided(status: Json) -> bool:
    return bool(status.get("decision"))
