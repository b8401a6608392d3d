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
from pawl_examples.kube import Kube, KubeError
from pawl_examples.loop import golden, parity
from pawl_examples.loop.controls import play_controls
from pawl_examples.loop.looks import Looks
from pawl_examples.loop.objects import status_of
from pawl_examples.loop.proving import Proving
from pawl_examples.loop.setting import LOOP, NAMESPACE, Expected, LoopTimes, apply_loop, apply_objects
from pawl_examples.loop.talk import Lesson, Part, corrections, lessons, proof
from pawl_examples.loop.turn import LoopResult, TurnResult, wrong

Json = dict[str, Any]
HEALTHY, BEGIN, TRAIN, RELEASE = 180.0, 60.0, 900.0, 420.0
NEARLY = 0.97
"""Of the corrections that a lesson gives: a few may still be on their way when the loop begins."""


@dataclass
class Act:
    """The second act on a cluster that stands; `first_act` is its model's folder, `result` what is known so far."""

    kube: Kube
    material: Material
    times: LoopTimes
    looks: Looks
    proving: Proving
    first_act: Path
    say: Callable[[str], None]
    result: LoopResult

    def play(self, turns: Sequence[Lesson], *, controls: bool = True) -> None:
        """Play all turns, and the controls behind the first; raises KubeError where it cannot go on."""
        parts = lessons(self.material, [turn.share for turn in turns], self.times.lesson_rate)
        self.result.provers = len(self.material.provers)
        apply_objects(self.kube, self.times, self.result.provers)
        self._healthy()
        self.result.rules = self.looks.live("rules")
        self.result.first_act = self.looks.artifact("linear-tagger, first act", install.source(), self.first_act)
        for number, (lesson, part) in enumerate(zip(turns, parts, strict=True), start=1):
            turn = TurnResult(number, lesson.trainer)
            self.result.turns.append(turn)
            expected = self._expected(part, sum(one.annotated for one in parts[:number]))
            apply_loop(self.kube, self.times, expected, lesson.trainer)
            self._turn(turn, part)
            if number == 1 and turn.outcome != "Promoted":
                turn.problems.append(f"rules stay live, against what is known of them: the turn ended {turn.outcome}")
            elif number == 1 and controls:
                played = play_controls(self.kube, self.times, self.proving, self.result.provers, self.say)
                self.result.controls.extend(played)

    def _expected(self, part: Part, told: int) -> Expected:
        """What a lesson will give: people correct whatever is live now, and that can be asked beforehand."""
        texts = [one.text for one in part.material.learn]
        answers = dict(zip(texts, golden.ask(self.looks.address(), texts), strict=True))
        news = corrections(part, lambda text: golden.facts_in(answers[text]))
        return Expected(int(NEARLY * news), int(0.5 * told), self.result.provers)

    def _turn(self, turn: TurnResult, part: Part) -> None:
        name, objects = f"{LOOP}-{turn.number}", self.proving.objects
        with _timed(turn, "talk"):
            self.say(f"turn {turn.number}: learn people speak; {turn.trainer} is trained when enough was corrected")
            self.proving.traffic.speak(f"lesson {turn.number}", part.material, part.pace)
            objects.expect("TrainingRun", name, bool, part.pace.seconds + BEGIN, "the loop began no training")
        with _timed(turn, "training"):
            turn.training = objects.expect("TrainingRun", name, _ended, TRAIN, "the training did not end")
        turn.node = self._node(name)
        if turn.training.get("registered"):
            self._prove(turn, name)
        turn.outcome = self._outcome(turn)

    def _prove(self, turn: TurnResult, name: str) -> None:
        with _timed(turn, "experiment"):
            turn.arms = self.proving.play(name)
        turn.experiment = status_of(self.proving.objects.of("Experiment", name))
        turn.problems += wrong(turn.arms)
        if turn.experiment.get("decision") == "Ship":
            self._release(turn)
        if turn.look is None:
            turn.look = self.looks.registered(turn.title, turn.training["registered"])

    def _release(self, turn: TurnResult) -> None:
        traffic, follower = self.proving.traffic, self.proving.follower
        before = max(follower.history.releases, default=0)
        with _timed(turn, "release"):
            if not follower.until(lambda history: max(history.releases, default=0) > before, BEGIN):
                raise KubeError(f"turn {turn.number}: no release began within {BEGIN:.0f} s of the decision")
            said = proof(self.material, self.times.replay, self.times.beside)
            traffic.speak(f"turn {turn.number}", said.material, said.pace)
            number = max(follower.history.releases)
            if not follower.until(lambda history: history.releases[number].ended, RELEASE):
                raise KubeError(
                    f"turn {turn.number}: release {number} did not end within {RELEASE:.0f} s; "
                    f"rollout/{install.ROLLOUT} in {NAMESPACE} says what it waits for"
                )
        traffic.quiet()
        turn.release = follower.history.releases[number]
        if turn.release.state == "Promoted":
            turn.look = self.looks.live(turn.title)
            turn.parity = self._parity(turn)

    def _outcome(self, turn: TurnResult) -> str:
        """How the LearningLoop says that the turn ended."""

        def has_ended(status: Json) -> bool:
            return bool(_outcome_in(status, turn.number))

        else_ = f"turn {turn.number} did not end"
        return _outcome_in(self.proving.objects.expect("LearningLoop", LOOP, has_ended, BEGIN, else_), turn.number)

    def _parity(self, turn: TurnResult) -> parity.Parity:
        texts = [one.text for one in self.material.prove][: parity.MESSAGES]
        found = self.looks.compare(turn.training["registered"], texts)
        if found.different:
            turn.problems.append(f"served answers differ from the trainer's on {found.different} messages")
        return found

    def _node(self, run: str) -> str:
        """The node on which the training's worker ran, from its pods; empty where they are gone."""
        pods = self.kube.get("pods", "-n", NAMESPACE, "-l", f"pawl.dev/trainingrun={run},ray.io/node-type=worker")
        return next((pod["spec"].get("nodeName", "") for pod in pods["items"]), "")

    def _healthy(self) -> None:
        if not self.proving.follower.until(lambda history: history.phase == "Healthy", HEALTHY):
            raise KubeError(f"rollout/{install.ROLLOUT} in {NAMESPACE} was not Healthy within {HEALTHY:.0f} s")


@contextmanager
def _timed(turn: TurnResult, stage: str) -> Iterator[None]:
    """Note how many seconds a stage of a turn took."""
    began = time.monotonic()
    try:
        yield
    finally:
        turn.seconds[stage] = round(time.monotonic() - began, 1)


def _ended(status: Json) -> bool:
    return status.get("phase") in ("Succeeded", "Failed")


def _outcome_in(status: Json, turn: int) -> str:
    """The outcome of a turn in a LearningLoop's history; empty where it has not ended."""
    entries = status.get("history") or []
    return next((str(entry["outcome"]) for entry in entries if entry.get("turn") == turn), "")
