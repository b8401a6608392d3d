"""One training run from the plan to the report: read, divide, learn, check, judge, register."""

import time
from dataclasses import dataclass
from pathlib import Path

from pawl_trainers.facts.examples import text_of
from pawl_trainers.harness.card import model_card
from pawl_trainers.harness.dataset import Dataset, dataset_of
from pawl_trainers.harness.environment import Surroundings
from pawl_trainers.harness.examples_source import ExamplesSource
from pawl_trainers.harness.export import checked_export
from pawl_trainers.harness.fitting import fitted
from pawl_trainers.harness.judgement import Judgement, judge
from pawl_trainers.harness.plan import Plan
from pawl_trainers.harness.predictions import ServedModel, answers_of_model
from pawl_trainers.harness.report import Counts, Registered, Report, Say, Stage, progress_line
from pawl_trainers.harness.split import Parts, split
from pawl_trainers.trainer import Report as Progress


@dataclass(frozen=True, slots=True)
class Made:
    """A model that was trained and checked."""

    directory: Path
    digest: str
    seconds: float


@dataclass(frozen=True)
class Attempt:
    """One attempt of a training run; `say` takes its lines of progress."""

    plan: Plan
    around: Surroundings
    say: Say

    def report(self) -> Report:
        """Do the work and return how it ended; raises TrainingError or PawlError where it cannot go on."""
        dataset, parts = self._divided()
        counts = counts_of(dataset, parts, self.plan)
        lacking = shortage(counts, parts)
        if lacking:
            return Report("TooFewExamples", lacking, counts)
        made = self._made(parts)
        judged = self._judged(made, parts)
        metrics = {**judged.metrics, "seconds": made.seconds, "unusable-examples": float(dataset.unusable)}
        if not judged.gate.passed:
            return Report("GateRefused", judged.gate.message, counts, metrics, judged.gate)
        if not self.plan.register_:
            return Report("Succeeded", "not registered, as the plan says", counts, metrics, judged.gate)
        judged = Judgement(judged.gate, metrics)
        registered = self._registered(made, counts, judged)
        return Report("Succeeded", f"registered as {registered.source}", counts, metrics, judged.gate, registered)

    def _divided(self) -> tuple[Dataset, Parts]:
        say, wanted = self._progress("dataset"), self.plan.dataset
        say(0, "reading examples from the collector")
        found = ExamplesSource(self.around.collector, self.around.token_file).read(self.plan)
        dataset = dataset_of(found, self.plan.score)
        say(1, f"{len(dataset.examples)} examples, {dataset.unusable} more cannot be used")
        return dataset, split(dataset.examples, wanted.validation_percent, wanted.test_percent, self.plan.seed)

    def _made(self, parts: Parts) -> Made:
        say, began = self._progress("train"), time.monotonic()
        say(0, f"learning from {len(parts.train)} examples")
        directory = fitted(self.plan, parts, self.around.workspace, say)
        seconds = round(time.monotonic() - began, 1)
        self._progress("export")(0, "checking the exported files")
        return Made(directory, checked_export(directory), seconds)

    def _judged(self, made: Made, parts: Parts) -> Judgement:
        say, champion = self._progress("evaluate"), self.plan.gate.champion
        texts = [text_of(example.input) or "" for example in parts.test]
        new = answers_of_model(made.directory, texts, lambda part: say(part / 2, "asking the new version"))
        theirs = None
        if champion is not None:
            asked = ServedModel(champion.url)
            theirs = asked.answers(texts, lambda part: say(0.5 + part / 2, "asking the champion"))
        self._progress("gate")(0, f"comparing on {len(texts)} examples of {parts.people} people")
        return judge(self.plan, parts.test, new, theirs)

    def _registered(self, made: Made, counts: Counts, judged: Judgement) -> Registered:
        # Here, so that a run that registers nothing needs no MLflow in its image.
        from pawl_trainers.harness.registration import Version, register

        self._progress("register")(0, f"registering {self.plan.model}")
        card = model_card(self.plan, counts, judged.metrics, judged.gate, made.digest)
        version = Version(made.directory, made.digest, counts.digest, card, judged.metrics, self.around.commit)
        return register(version, self.plan, self.around.tracking)

    def _progress(self, stage: Stage) -> Progress:
        def said(part: float, message: str) -> None:
            self.say(progress_line(stage, part, message))

        return said


def counts_of(dataset: Dataset, parts: Parts, plan: Plan) -> Counts:
    """Return how many examples there are, in all and in each part."""
    return Counts(
        digest=dataset.digest,
        train=len(parts.train),
        validation=len(parts.validation),
        test=len(parts.test),
        have=len(dataset.examples),
        need=plan.dataset.min_examples,
    )


def shortage(counts: Counts, parts: Parts) -> str:
    """Return what is lacking, with the remedy; empty where a model can be trained and judged."""
    if counts.have < counts.need:
        remedy = "wait for more feedback, lower dataset.minExamples or lengthen dataset.window"
        return f"{counts.have} examples of {counts.need} that are needed; {remedy}"
    empty = [name for name, part in (("train", parts.train), ("test", parts.test)) if not part]
    if empty:
        remedy = "wait until more people give feedback, or set another dataset.split or seed"
        return f"the {' and the '.join(empty)} part of {counts.have} examples is empty; {remedy}"
    return ""
