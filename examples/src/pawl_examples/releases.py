"""Puts one candidate after another to the Rollout and waits for each release to end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pawl_examples.checks import problems_of
from pawl_examples.follow import Follower
from pawl_examples.history import History, ReleaseRecord, condition
from pawl_examples.kube import Json, Kube
from pawl_examples.pace import Times
from pawl_examples.scenarios import Scenario
from pawl_examples.tables import Outcome
from pawl_examples.traffic import Traffic

BEGIN_SECONDS, END_SECONDS, CALM_SECONDS = 60.0, 420.0, 90.0
OUTAGE_STEP = 2
CALM = frozenset({"Healthy", "Degraded"})
PROMETHEUS = ("-n", "monitoring", "deployment/prometheus")


@dataclass(frozen=True)
class Candidate:
    """What every candidate of the demo shares: the Rollout's place, the artifact, and how long pods drain (seconds).

    `run` is put into every candidate's environment, so that a later run on the same cluster has revisions of its own
    and not those that were rejected before.
    """

    namespace: str
    name: str
    source: str
    digest: str
    drain: int = 5
    run: str = field(default_factory=lambda: str(int(time.time())))

    def object_with(self, serve: Json) -> Json:
        """The part of the Rollout that names a candidate, for server-side apply."""
        env = [*serve.get("env", []), {"name": "PAWL_DEMO_RUN", "value": self.run}]
        candidate = {"source": self.source, "digest": self.digest, "serve": {**serve, "env": env}}
        return {
            "apiVersion": "pawl.dev/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"candidate": candidate},
        }


@dataclass(frozen=True)
class Releases:
    """The cluster, the traffic on it, and a voice."""

    kube: Kube
    follower: Follower
    traffic: Traffic
    candidate: Candidate
    times: Times
    say: Callable[[str], None]

    def run(self, scenario: Scenario) -> Outcome:
        """Release one candidate and wait until it is promoted or rolled back and the Rollout is calm again."""
        before = max(self.follower.history.releases, default=0)
        self.say(f"release {scenario.key}) {scenario.title}; said to end {scenario.ending}")
        self.traffic.begin(scenario.key, annotated=True)
        self.kube.apply(self.candidate.object_with(scenario.serve), manager="pawl-promote")
        if not self.follower.until(lambda history: max(history.releases, default=0) > before, BEGIN_SECONDS):
            return self._outcome(scenario, None, f"no release began within {BEGIN_SECONDS:.0f} s")
        number = max(self.follower.history.releases)
        wrong = self._outage(number) if scenario.outage else ""
        if not self.follower.until(lambda history: history.releases[number].ended, END_SECONDS):
            wrong = wrong or f"did not end within {END_SECONDS:.0f} s"
        self._calm_down()
        return self._outcome(scenario, self.follower.history.releases[number], wrong)

    def _outcome(self, scenario: Scenario, record: ReleaseRecord | None, wrong: str) -> Outcome:
        if record is not None:
            for number, step in record.steps.items():
                step.on_route = self.follower.weights.of(record.number, number)
        found = problems_of(scenario, record, self.traffic.ledger.rows(), self.times)
        return Outcome(scenario, record, (wrong, *found) if wrong else found)

    def _calm_down(self) -> None:
        # Requests that the leaving pods might lose belong to this release, so their drain is waited for.
        self.follower.until(lambda history: history.phase in CALM, CALM_SECONDS)
        self.follower.until(lambda _: False, self.candidate.drain + 1)

    def _outage(self, number: int) -> str:
        """Stop Prometheus in mid-step for longer than the hold; returns what went wrong, or nothing."""
        if not self.follower.until(lambda history: _in_step(history, number), END_SECONDS):
            return f"step {OUTAGE_STEP} was never reached"
        self.say("Prometheus stopped in mid-step")
        began = datetime.now(UTC)
        self.kube.run(*_scale(0))
        noticed = self.follower.until(_unavailable, self.times.hold)
        moved = self.follower.until(lambda history: not _in_step(history, number), self.times.hold + 4)
        self.kube.run(*_scale(1))
        seconds = (datetime.now(UTC) - began).total_seconds()
        end = "moved" if moved else "neither promoted nor rolled back"
        self.say(f"Prometheus started again after {seconds:.0f} s: {end}")
        if moved:
            return "moved while Prometheus was down"
        return "" if noticed else "never said that metrics are unavailable"


def _scale(replicas: int) -> tuple[str, ...]:
    return ("scale", *PROMETHEUS, f"--replicas={replicas}")


def _in_step(history: History, number: int) -> bool:
    record = history.releases[number]
    status: Json = history.latest.get("status") or {}
    release: Json = status.get("release") or {}
    return record.state == "Progressing" and release.get("step") == OUTAGE_STEP and bool(release.get("stepStartedAt"))


def _unavailable(history: History) -> bool:
    return condition(history.latest, "MetricsAvailable").get("status") == "False"
