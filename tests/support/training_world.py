"""A world in memory for one TrainingRun: attempts are made, start, report, crash, vanish; clocks run.

`decide` is driven against it exactly as the operator does it. A pass may be cut off after any write (`stop_after`),
which is what a killed operator leaves behind. Everything is deterministic.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pawl.api.training_run import TrainingRun, TrainingRunStatus
from pawl_operator.kinds.training_run import actions as act
from pawl_operator.kinds.training_run.carry import stages
from pawl_operator.kinds.training_run.decide import decide
from pawl_operator.kinds.training_run.draft import open_attempt
from pawl_operator.kinds.training_run.observe import engine_of
from pawl_operator.kinds.training_run.report import read
from pawl_operator.kinds.training_run.snapshot import (
    AttemptState,
    Champion,
    ComponentFacts,
    Offer,
    PodState,
    Refusal,
    Stage,
    TrainingSnapshot,
)

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
DIGEST = "sha256:" + "d" * 64
Wire = dict[str, Any]
IMAGES = {"linear-tagger": "trainer:1", "token-classification": "trainer-torch:1"}
FACTS = ComponentFacts("span-f1", {"correction": "Given", "confirmation": "Shown"})


def spec(**changes: Any) -> Wire:
    """A TrainingRun's spec."""
    return {"component": "facts", "trainer": "linear-tagger", "engine": {"job": {}}} | changes


def report(outcome: str = "Succeeded", **changes: Any) -> str:
    """The last line of a trainer's log."""
    dataset = {"digest": DIGEST, "train": 700, "validation": 100, "test": 200, "have": 1000, "need": 1000}
    registered = {"source": "models:/demo.facts/7", "digest": DIGEST} if outcome == "Succeeded" else None
    gate = {"passed": outcome == "Succeeded", "estimate": 0.25, "lower": 0.125, "upper": 0.5, "message": "by people"}
    said = {"outcome": outcome, "message": "", "dataset": dataset, "metrics": [{"name": "f1", "value": 0.4}]}
    said |= {"gate": gate if outcome in ("Succeeded", "GateRefused") else None, "registered": registered}
    return f"pawl-report {json.dumps(said | changes)}\n"


def progress(stage: str = "train", percent: float = 30, message: str = "epoch 1") -> str:
    """A line of a trainer's log."""
    return f"pawl-progress {json.dumps({'stage': stage, 'percent': percent, 'message': message})}\n"


@dataclass
class Attempt:
    """What runs one attempt."""

    number: int
    uid: str
    created: datetime
    until: datetime
    plan: Wire
    stage: Stage = "Pending"
    text: str = ""
    message: str = ""
    held: bool = True
    owned: bool = True
    deleting: bool = False
    log_gone: bool = False


@dataclass
class TrainingWorld:
    """Everything around one TrainingRun. Change its fields to make things happen; then `run`, `stay` or `settle`."""

    wire: Wire = field(default_factory=spec)
    now: datetime = START
    status: TrainingRunStatus = field(default_factory=TrainingRunStatus)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    pods: tuple[PodState, ...] = ()
    component: ComponentFacts | None = FACTS
    champion: Champion | None = None
    engine_missing: str = ""
    unreachable: str = ""
    log_readable: bool = True
    refuses: str = ""
    finalizers: set[str] = field(default_factory=set)
    deleting_since: datetime | None = None
    gone: bool = False
    refusal: Refusal | None = None
    wake_at: datetime | None = None
    events: list[act.EventNote] = field(default_factory=list)
    plans: list[act.Plan] = field(default_factory=list)
    started: list[act.StartAttempt] = field(default_factory=list)
    retired: list[int] = field(default_factory=list)
    offer: Offer = field(
        default_factory=lambda: Offer(
            IMAGES, "http://collector", "http://mlflow", timedelta(minutes=10), timedelta(seconds=5)
        )
    )
    made: int = 0

    # What people and clusters do

    def edit(self, **changes: Any) -> None:
        """Change the spec."""
        self.wire = self.wire | changes

    @property
    def newest(self) -> Attempt:
        """The attempt that was made last."""
        return self.attempts[max(self.attempts)]

    def set_running(self) -> None:
        """The newest attempt's pods come up."""
        self.newest.stage = "Running"

    def end(self, stage: Stage, text: str = "", message: str = "") -> None:
        """The newest attempt says its last words and ends."""
        attempt = self.newest
        attempt.stage, attempt.message = stage, message
        attempt.text += text

    def lose_status(self) -> None:
        """The status is gone, as after a restore from a backup."""
        self.status = TrainingRunStatus()

    # What is there

    @property
    def live(self) -> TrainingRun:
        """The object as the API server has it."""
        metadata = {"name": "run", "namespace": "demo", "uid": "uid-run-1", "generation": 1}
        found = TrainingRun.model_validate({"metadata": metadata, "spec": self.wire})
        return found.model_copy(update={"status": self.status})

    def snapshot(self) -> TrainingSnapshot:
        """What the operator would observe now."""
        run, attempt = self.live, open_attempt(self.status)
        there = self.attempts.get(attempt.number) if attempt is not None and not self.unreachable else None
        logged = there if there is not None and there.owned and there.stage != "Pending" else None
        readable = logged is not None and self.log_readable and not logged.log_gone
        refusal, self.refusal = self.refusal, None
        return TrainingSnapshot(
            run=run,
            namespace="demo",
            uid="uid-run-1",
            generation=1,
            engine=engine_of(run),
            offer=self.offer,
            deleting_since=self.deleting_since,
            finalizers=tuple(sorted(self.finalizers)),
            component=self.component,
            champion=self.champion,
            engine_missing=self.engine_missing,
            unreachable=self.unreachable,
            attempts={} if self.unreachable else {n: _state(found) for n, found in self.attempts.items()},
            pods=self.pods,
            log=read(logged.text) if readable and logged is not None else None,
            log_gone=logged is not None and logged.log_gone,
            refusal=refusal,
        )

    # The operator

    def reconcile(self, stop_after: int | None = None) -> act.Plan:
        """One pass; with ``stop_after`` the operator dies after that many writes, of which the status is one."""
        plan = decide(self.snapshot(), self.now)
        self.plans.append(plan)
        first, work, leaving = stages(plan.actions)
        for write in [*first, plan, *work, *leaving][:stop_after]:
            if isinstance(write, act.Plan):
                self._write(write)
            else:
                self._do(write)
        if stop_after is not None:
            self.refusal = None
        return plan

    def settle(self, most: int = 20) -> None:
        """Reconcile until nothing changes at this very moment."""
        for _ in range(most):
            before = self.fingerprint()
            self.reconcile()
            if self.gone or self.fingerprint() == before:
                return
        raise AssertionError(f"no rest after {most} passes: {self.status.message}")

    def fingerprint(self) -> object:
        """What a pass may change."""
        attempts = [(a.number, a.uid, a.stage, a.held, a.deleting) for a in self.attempts.values()]
        return self.status, attempts, frozenset(self.finalizers), self.refusal, self.gone

    def run(self, until: Callable[["TrainingWorld"], bool], within: timedelta = timedelta(days=2)) -> None:
        """Reconcile at every wake-up until something holds."""
        deadline = self.now + within
        while True:
            self.settle()
            if until(self):
                return
            if self.gone or self.now >= deadline:
                raise AssertionError(f"not within {within}: {self.status.phase}: {self.status.message}")
            wake = self.wake_at or self.now + timedelta(minutes=10)
            self.now = max(self.now + timedelta(milliseconds=500), min(wake, deadline))

    def stay(self, span: timedelta) -> None:
        """Reconcile at every wake-up for a while."""
        end = self.now + span
        self.run(lambda world: world.gone or world.now >= end, span + timedelta(hours=1))

    def wait_phase(self, phase: str, within: timedelta = timedelta(days=2)) -> None:
        """Run until the run has a phase."""
        self.run(lambda world: world.status.phase == phase, within)

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        return next((c.status, c.reason) for c in self.status.conditions if c.type == kind)

    def _do(self, action: act.Action) -> None:
        match action:
            case act.StartAttempt():
                self._start(action)
            case act.RetireAttempt():
                self._retire(action)
            case act.AddFinalizer():
                self.finalizers.add(act.FINALIZER)
            case act.RemoveFinalizer():
                self.finalizers.discard(act.FINALIZER)
                self.gone = self.deleting_since is not None and not self.finalizers
            case act.DeleteRun():
                self.gone = True

    def _start(self, wanted: act.StartAttempt) -> None:
        if self.refuses:
            self.refusal = Refusal(wanted.number, self.refuses)
        elif wanted.number not in self.attempts:
            self.made += 1
            self.started.append(wanted)
            plan = json.loads(wanted.plan)
            self.attempts[wanted.number] = Attempt(wanted.number, f"uid-{self.made}", self.now, wanted.until, plan)

    def _retire(self, wanted: act.RetireAttempt) -> None:
        attempt = self.attempts.get(wanted.number)
        if attempt is None or attempt.uid != wanted.uid:
            return
        self.retired.append(wanted.number)
        if attempt.stage in ("Succeeded", "Failed"):
            attempt.held = False
        else:
            del self.attempts[wanted.number]

    def _write(self, plan: act.Plan) -> None:
        # Through the wire and back: whatever decide writes must be a valid status.
        if plan.status != self.status:
            self.status = TrainingRunStatus.model_validate(plan.status.to_wire())
        self.events.extend(plan.events)
        self.wake_at = plan.wake_at


def _state(found: Attempt) -> AttemptState:
    return AttemptState(
        number=found.number,
        uid=found.uid,
        stage=found.stage,
        owned=found.owned,
        deleting=found.deleting,
        created=found.created,
        until=found.until,
        message=found.message,
        holds=found.held,
    )


def pod(world: TrainingWorld, role: str = "trainer", **changes: Any) -> PodState:
    """A pod that is not ready yet."""
    return replace(PodState(f"run-{role}", role, world.now, not_ready_since=world.now), **changes)


def running(**changes: object) -> TrainingWorld:
    """A world whose first attempt runs."""
    world = TrainingWorld(spec(**changes))
    world.settle()
    world.set_running()
    world.settle()
    return world
