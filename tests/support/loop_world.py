"""A world in memory for one LearningLoop: people label, trainings and Experiments end as they are told to, a Rollout
releases, clocks run.

`decide` is driven against it exactly as the operator does it. Everything is deterministic. A pass may be cut off after
any write (`stop_after`), which is what a killed operator leaves behind.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pawl.api.learning_loop import LearningLoop, LearningLoopStatus
from pawl.api.rollout import Rollout
from pawl.api.training_run import Registered
from pawl.new_examples import NewExamples
from pawl_operator.kinds.learning_loop import actions as act
from pawl_operator.kinds.learning_loop import manifests
from pawl_operator.kinds.learning_loop.decide import decide
from pawl_operator.kinds.learning_loop.manifests import LoopSubject
from pawl_operator.kinds.learning_loop.observe import experiment_state, run_state
from pawl_operator.kinds.learning_loop.snapshot import LoopSnapshot
from pawl_operator.kinds.learning_loop.version import revision_under

Wire = dict[str, Any]
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
ANALYSIS = {"metrics": [{"name": "accuracy", "role": "Primary"}]}
LIVE = ("Preparing", "Progressing", "Baking", "RollingBack")
MAX_AGE = timedelta(hours=6)
"""Longer than in an operator, so that a month passes in few passes."""


def spec(**changes: Any) -> Wire:
    """A LearningLoop's spec that trains at 100 new examples and compares live."""
    return {
        "component": "facts",
        "rolloutRef": {"name": "chat"},
        "minNewExamples": 100,
        "floor": 20,
        "stage": "Live",
        "trainingTemplate": {"spec": {"trainer": "linear-tagger"}},
        "experimentTemplate": {"spec": ANALYSIS, "treatmentWeight": 30},
    } | changes


def version(number: int) -> Registered:
    """The model version that training `number` registers."""
    return Registered(source=f"models:/demo.facts/{number}", digest=f"sha256:{number:064x}")


def stamp(when: datetime) -> str:
    """A time as the API server writes it."""
    return when.isoformat().replace("+00:00", "Z")


@dataclass
class LoopWorld:
    """Everything around one LearningLoop. Change its fields to make things happen; then `settle` or `advance`."""

    wire: Wire = field(default_factory=spec)
    now: datetime = START
    status: LearningLoopStatus = field(default_factory=LearningLoopStatus)
    received: list[datetime] = field(default_factory=list)
    children: dict[tuple[str, int], Wire] = field(default_factory=dict)
    """By kind and turn, as the API server has them."""
    taken: frozenset[int] = frozenset()
    rollout_there: bool = True
    rollout_spec: Wire = field(default_factory=dict)
    rollout_status: Wire = field(default_factory=dict)
    monitor_up: bool = True
    prometheus_up: bool = True
    generation: int = 1
    wake_at: datetime | None = None
    events: list[act.EventNote] = field(default_factory=list)
    plans: list[act.Plan] = field(default_factory=list)
    more: Wire = field(default_factory=dict)
    """Further fields of the snapshot."""

    def __post_init__(self) -> None:
        self.counted_at = self.fresh_at = self.now
        self.uids = 0
        self.rollout_spec = {
            "component": "facts",
            "routeRef": {"name": "chat", "ruleName": "infer"},
            "initialStable": {"source": "none"},
            "serve": {"image": "server:1"},
        }
        self.live("a" * 10, "none", "")

    # People

    def edit(self, **changes: Any) -> None:
        """Change the spec as a person would."""
        self.wire = self.wire | changes
        self.generation += 1

    def label(self, count: int) -> None:
        """Let people correct answers, now."""
        self.received += [self.now] * count

    def approve(self, number: int) -> None:
        """Set the version of a turn as candidate, as a person would."""
        found = version(number)
        self.rollout_spec["candidate"] = {"source": found.source, "digest": found.digest}

    # What others do

    def live(self, revision: str, source: str, digest: str) -> None:
        """Make a revision what is live."""
        stable = {"revision": revision, "source": source, "service": "chat", "since": stamp(self.now)}
        self.rollout_status["stable"] = stable | ({"digest": digest} if digest else {})

    def train(self, number: int, phase: str = "Succeeded", **status: Any) -> None:
        """End the training of a turn; it registers its version unless told otherwise."""
        outcome: Wire = {"phase": phase, "dataset": {"until": stamp(self.now)}}
        if phase == "Succeeded" and "gate" not in status:
            outcome["registered"] = version(number).to_wire()
        self.children["TrainingRun", number]["status"] = outcome | status

    def decided(self, number: int, decision: str) -> None:
        """End the Experiment of a turn; a shipped treatment becomes the candidate if it shall."""
        child = self.children["Experiment", number]
        child["status"] = {"phase": "Complete", "decision": decision, "message": "as measured"}
        if decision == "Ship" and child["spec"]["onShip"] == "SetCandidate":
            self.approve(number)

    def release(self, state: str = "Progressing") -> int:
        """Let the Rollout begin a release of its candidate; returns the number."""
        number = int(self.rollout_status.get("release", {}).get("number", 0)) + 1
        candidate = self.rollout_spec["candidate"]
        revision = revision_under(self.rollout, Registered(source=candidate["source"], digest=candidate["digest"]))
        plan = {"steps": [{"setWeight": 100}], "analysis": {}, "bake": {"duration": "1h"}, "mode": "RequestWeights"}
        self.rollout_status["release"] = {
            "number": number,
            "revision": revision,
            "service": "chat-2",
            "plan": plan,
            "state": state,
            "step": 1,
            "totalSteps": 1,
            "startedAt": stamp(self.now),
        } | candidate
        return number

    def release_ends(self, outcome: str, cause: str = "") -> None:
        """Let the Rollout's release end."""
        release = self.rollout_status["release"]
        release["state"] = outcome
        entry = {key: release[key] for key in ("revision", "digest", "startedAt")} | {"outcome": outcome}
        entry |= {"release": release["number"], "finishedAt": stamp(self.now), "cause": cause}
        self.rollout_status["history"] = [*self.rollout_status.get("history", []), entry][-20:]
        if outcome == "Promoted":
            self.live(release["revision"], release["source"], release["digest"])
        if outcome == "RolledBack":
            refused = {"revision": release["revision"], "digest": release["digest"], "release": release["number"]}
            refused |= {"reason": cause or "HarmProven", "time": stamp(self.now)}
            self.rollout_status["rejected"] = [*self.rollout_status.get("rejected", []), refused][-20:]

    # What is there

    @property
    def rollout(self) -> Rollout:
        """The Rollout as the API server has it."""
        metadata = {"name": "chat", "namespace": "demo", "uid": "uid-rollout"}
        return Rollout.model_validate({"metadata": metadata, "spec": self.rollout_spec, "status": self.rollout_status})

    @property
    def loop(self) -> LearningLoop:
        """The object as the API server has it."""
        metadata = {"name": "facts", "namespace": "demo", "uid": "uid-1", "generation": self.generation}
        read = LearningLoop.model_validate({"metadata": metadata, "spec": self.wire})
        return read.model_copy(update={"status": self.status})

    def count(self) -> NewExamples:
        """What the monitor counts now."""
        since = self.status.learned_until
        found = sum(since is None or when > since for when in self.received)
        return NewExamples(found, self.counted_at)

    def snapshot(self) -> LoopSnapshot:
        """What the operator would observe now."""
        if self.prometheus_up:
            self.fresh_at = self.now
        if self.monitor_up:
            self.counted_at = self.now
        runs = {number: run_state(body) for (kind, number), body in self.children.items() if kind == "TrainingRun"}
        trials = {n: experiment_state(body) for (kind, n), body in self.children.items() if kind == "Experiment"}
        seen = LoopSnapshot(
            loop=self.loop,
            uid="uid-1",
            generation=self.generation,
            created_at=START,
            rollout=self.rollout if self.rollout_there else None,
            runs=runs,
            experiments=trials,
            taken=self.taken,
            examples=self.count(),
            asked_at=self.now,
            fresh_at=self.fresh_at,
            max_age=MAX_AGE,
        )
        return replace(seen, **self.more)

    def active(self) -> list[str]:
        """The children at work, as Kind/name."""
        found = []
        for (kind, _), body in self.children.items():
            if body["status"].get("phase") not in ("Succeeded", "Failed", "Complete"):
                found.append(f"{kind}/{body['metadata']['name']}")
        return found

    def outcomes(self) -> list[tuple[int, str, str]]:
        """Turn, outcome and reason of every ended turn, oldest first."""
        return [(record.turn, record.outcome, record.reason) for record in self.status.history]

    # The operator

    def reconcile(self, stop_after: int | None = None) -> act.Plan:
        """One pass; with ``stop_after`` the operator dies after that many writes, of which the status is one."""
        plan = decide(self.snapshot(), self.now)
        self.plans.append(plan)
        first = [action for action in plan.actions if isinstance(action, act.SetCandidate)]
        rest = [action for action in plan.actions if not isinstance(action, act.SetCandidate)]
        for write in [*first, plan, *rest][:stop_after]:
            if isinstance(write, act.Plan):
                self._write(write)
            else:
                self._carry_out(write)
        return plan

    def settle(self, most: int = 30) -> None:
        """Reconcile until nothing changes at this very moment."""
        for _ in range(most):
            before = self.fingerprint()
            self.reconcile()
            if self.fingerprint() == before:
                return
        raise AssertionError(f"no rest after {most} passes: {self.status.message}")

    def advance(self, span: timedelta) -> None:
        """Let time pass, and reconcile at every wake-up."""
        end = self.now + span
        while self.now < end:
            wake = self.wake_at if self.wake_at is not None and self.wake_at > self.now else end
            self.now = min(wake, end)
            self.settle()

    def fingerprint(self) -> str:
        """Everything that a pass may change."""
        return f"{self.status.to_wire()} {self.children} {self.rollout_spec}"

    def _write(self, plan: act.Plan) -> None:
        # Through the wire and back: whatever decide writes must be a valid status.
        if plan.status != self.status:
            self.status = LearningLoopStatus.model_validate(plan.status.to_wire())
        self.events.extend(plan.events)
        self.wake_at = plan.wake_at

    def _carry_out(self, action: act.Action) -> None:
        subject = LoopSubject(self.loop, "demo", "uid-1")
        match action:
            case act.CreateTrainingRun():
                self._create(action.turn, manifests.training_run(subject, action))
            case act.CreateExperiment():
                self._create(action.turn, manifests.experiment(subject, action))
            case act.DeleteChild():
                gone = [key for key, body in self.children.items() if body["metadata"]["uid"] == action.uid]
                for key in gone:
                    del self.children[key]
            case act.SetCandidate():
                self.rollout_spec |= manifests.candidate(subject, action.version)["spec"]

    def _create(self, number: int, body: Wire) -> None:
        if (body["kind"], number) not in self.children:
            self.uids += 1
            body["metadata"] |= {"uid": f"uid-{body['kind']}-{self.uids}", "creationTimestamp": stamp(self.now)}
            self.children[body["kind"], number] = body | {"status": {}}
