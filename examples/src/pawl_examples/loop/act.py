"""Plays the second act: learn people correct, the loop trains, an Experiment proves, the Rollout releases; and controls
that must not ship.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawl_examples import install
from pawl_examples.dataset import Material
from pawl_examples.follow import Follower
from pawl_examples.kube import Kube, KubeError
from pawl_examples.loop import golden, parity
from pawl_examples.loop.arms import Arms, arms_of, assignment_of
from pawl_examples.loop.looks import Looks
from pawl_examples.loop.objects import Objects, status_of
from pawl_examples.loop.setting import (
    LOOP,
    NAMESPACE,
    Expected,
    LoopTimes,
    apply_loop,
    apply_objects,
    control,
    controls_beside,
)
from pawl_examples.loop.talk import Lesson, Part, corrections, lessons, proof
from pawl_examples.loop.turn import ControlResult, LoopResult, TurnResult, wrong
from pawl_examples.scenarios import Scenario
from pawl_examples.tables import Outcome
from pawl_examples.traffic import Traffic

Json = dict[str, Any]
HEALTHY, BEGIN, TRAIN, PROVE, RELEASE = 180.0, 60.0, 900.0, 400.0, 420.0
NEARLY = 0.97
"""Of the corrections that a lesson gives: a few may still be on their way when the loop begins."""
MOST_UNASSIGNED = 0.02


@dataclass
class Act:
    """The second act on a cluster that stands; `first_act` is its model's folder, `result` what is known so far."""

    kube: Kube
    traffic: Traffic
    follower: Follower
    objects: Objects
    material: Material
    times: LoopTimes
    folder: Path
    tracking: str
    first_act: Path
    say: Callable[[str], None]
    result: LoopResult

    def play(self, turns: Sequence[Lesson], *, controls: bool = True) -> None:
        """Play all turns, and the controls behind the first; raises KubeError where it cannot go on."""
        parts = lessons(self.material, [turn.share for turn in turns], self.times.lesson_rate)
        proved = proof(self.material, self.times.proof, self.times.beside)
        self.result.provers = len(self.material.provers)
        apply_objects(self.kube, self.times, self.result.provers)
        self._healthy()
        self.result.rules = self._looks.live("rules")
        self.result.first_act = self._looks.artifact("linear-tagger, first act", install.source(), self.first_act)
        for number, (lesson, part) in enumerate(zip(turns, parts, strict=True), start=1):
            turn = TurnResult(number, lesson.trainer)
            self.result.turns.append(turn)
            expected = self._expected(part, sum(one.annotated for one in parts[:number]))
            apply_loop(self.kube, self.times, expected, lesson.trainer)
            self._turn(turn, part, proved)
            if number == 1 and turn.outcome == "Promoted":
                if controls:
                    self._controls(proved)
            elif number == 1:
                turn.problems.append(f"rules stay live, against what is known of them: the turn ended {_end_of(turn)}")

    def _expected(self, part: Part, told: int) -> Expected:
        """What a lesson will give: people correct whatever is live now, and that can be asked beforehand."""
        texts = [one.text for one in part.material.learn]
        answers = dict(zip(texts, golden.ask(self._looks.address(), texts), strict=True))
        news = corrections(part, lambda text: golden.facts_in(answers[text]))
        return Expected(int(NEARLY * news), int(0.5 * told), self.result.provers)

    def _turn(self, turn: TurnResult, part: Part, proved: Part) -> None:
        name = f"{LOOP}-{turn.number}"
        with _timed(turn, "talk"):
            self.say(f"turn {turn.number}: learn people speak; {turn.trainer} is trained when enough was corrected")
            self.traffic.speak(f"lesson {turn.number}", part.material, part.pace)
            self._until("TrainingRun", name, bool, part.pace.seconds + BEGIN, "the loop began no training")
        with _timed(turn, "training"):
            self._until("TrainingRun", name, _ended, TRAIN, "the training did not end")
        turn.training = status_of(self.objects.of("TrainingRun", name))
        turn.node = self._node(name)
        if not turn.training.get("registered"):
            turn.outcome = "NotRegistered"
            return
        turn.arms = self._prove(turn, name, proved)
        turn.experiment = status_of(self.objects.of("Experiment", name))
        turn.problems += wrong(turn.arms, MOST_UNASSIGNED) if turn.arms is not None else ["nobody was assigned"]
        if turn.experiment.get("decision") == "Ship":
            self._release(turn, proved)
        if turn.look is None:
            turn.look = self._looks.registered(_name_of(turn), turn.training["registered"])

    def _prove(self, turn: TurnResult, name: str, proved: Part) -> Arms | None:
        with _timed(turn, "experiment"):
            self._until("Experiment", name, _running, PROVE, "the Experiment never had the traffic")
            return self._speak_and_decide(name, proved)

    def _speak_and_decide(self, name: str, proved: Part) -> Arms:
        assignment = self._assignment(self.objects.of("Experiment", name)["metadata"]["uid"])
        since = time.time()
        self.traffic.speak(name, proved.material, proved.pace)
        self._until("Experiment", name, lambda status: bool(status.get("decision")), PROVE, "nothing was decided")
        until = time.time()
        self.traffic.quiet()
        return arms_of(self.traffic.ledger.rows(), assignment, since, until)

    def _assignment(self, uid: str) -> Json:
        """What the Rollout published of an Experiment's arms."""
        if not self.follower.until(lambda history: assignment_of(history.latest).get("uid") == uid, BEGIN):
            raise KubeError(f"rollout/{install.ROLLOUT} published no assignment within {BEGIN:.0f} s")
        return assignment_of(self.follower.history.latest)

    def _release(self, turn: TurnResult, proved: Part) -> None:
        key = f"turn {turn.number}"
        before = max(self.follower.history.releases, default=0)
        with _timed(turn, "release"):
            if not self.follower.until(lambda history: max(history.releases, default=0) > before, BEGIN):
                raise KubeError(f"turn {turn.number}: no release began within {BEGIN:.0f} s of the decision")
            self.traffic.speak(key, proved.material, proof(self.material, self.times.replay, self.times.beside).pace)
            number = max(self.follower.history.releases)
            ended = self.follower.until(lambda history: history.releases[number].ended, RELEASE)
            self._until("LearningLoop", LOOP, lambda status: _closed(status, turn.number), BEGIN, "the turn stays open")
        self.traffic.quiet()
        record = self.follower.history.releases[number]
        turn.release = Outcome(Scenario(key, turn.trainer, "Promoted"), record, () if ended else ("no end",))
        turn.outcome = record.state
        if record.state == "Promoted":
            turn.look = self._looks.live(_name_of(turn))
            turn.parity = self._parity(turn)

    def _parity(self, turn: TurnResult) -> parity.Parity:
        texts = [one.text for one in self.material.prove][: parity.MESSAGES]
        found = self._looks.compare(turn.training["registered"], texts)
        if found.different:
            turn.problems.append(f"served answers differ from the trainer's on {found.different} messages")
        return found

    def _controls(self, proved: Part) -> None:
        """A twin of what is live, and a version that finds nothing: neither may ship."""
        for name, title, treatment in controls_beside(self.follower.history.latest["status"]["stable"]):
            self.say(f"control {name}: {title}; must not ship")
            self.kube.apply(control(name, self.times, self.result.provers, treatment))
            self._until("Experiment", name, _running, PROVE, "the control never had the traffic")
            arms = self._speak_and_decide(name, proved)
            found = ControlResult(name, title, status_of(self.objects.of("Experiment", name)), arms)
            found.problems += wrong(arms, MOST_UNASSIGNED)
            if found.experiment.get("decision") == "Ship":
                found.problems.append(f"{title}: was shipped")
            self.result.controls.append(found)

    @property
    def _looks(self) -> Looks:
        return Looks(self.kube, self.follower, self.tracking, self.folder)

    def _node(self, run: str) -> str:
        """The node on which the training's worker ran, from its pods; empty where they are gone."""
        pods = self.kube.get("pods", "-n", NAMESPACE, "-l", f"pawl.dev/trainingrun={run},ray.io/node-type=worker")
        return next((pod["spec"].get("nodeName", "") for pod in pods["items"]), "")

    def _healthy(self) -> None:
        if not self.follower.until(lambda history: history.phase == "Healthy", HEALTHY):
            raise KubeError(f"rollout/{install.ROLLOUT} in {NAMESPACE} was not Healthy within {HEALTHY:.0f} s")

    def _until(self, kind: str, name: str, seen: Callable[[Json], bool], seconds: float, else_: str) -> None:
        if not self.objects.until(kind, name, seen, seconds):
            last = status_of(self.objects.of(kind, name)).get("message", "it was never there")
            raise KubeError(f"{kind} {name}: {else_} within {seconds:.0f} s; last: {last}")


@contextmanager
def _timed(turn: TurnResult, stage: str) -> Iterator[None]:
    """Note how many seconds a stage of a turn took."""
    began = time.monotonic()
    try:
        yield
    finally:
        turn.seconds[stage] = round(time.monotonic() - began, 1)


def _name_of(turn: TurnResult) -> str:
    return f"{turn.trainer}, turn {turn.number}"


def _end_of(turn: TurnResult) -> str:
    return turn.outcome or str(turn.experiment.get("message") or turn.training.get("message") or "nowhere")


def _ended(status: Json) -> bool:
    return status.get("phase") in ("Succeeded", "Failed")


def _running(status: Json) -> bool:
    return status.get("phase") in ("Running", "Complete")


def _closed(status: Json, turn: int) -> bool:
    return any(entry.get("turn") == turn for entry in status.get("history") or [])
