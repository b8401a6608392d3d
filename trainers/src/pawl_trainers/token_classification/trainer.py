"""Token classification as a trainer of the harness: from labelled interactions to an exported model."""

from collections.abc import Sequence
from pathlib import Path

from pawl_trainers.facts.examples import LabelledText, labelled_texts
from pawl_trainers.token_classification.fitting import Epoch
from pawl_trainers.token_classification.lesson import Lesson, NoCheckpoints, learn
from pawl_trainers.token_classification.settings import settings_from
from pawl_trainers.trainer import Example, TrainingJob


class TokenClassificationTrainer:
    """Learns from the first part and chooses the threshold by the second."""

    def fit(self, job: TrainingJob) -> Path:
        """Return the folder `model` in the job's workspace; raises TrainingError."""
        lesson = Lesson(
            train=_readable(job.train, job),
            validation=_readable(job.validation, job),
            base_model=job.base_model,
            settings=settings_from(job.parameters),
            seed=job.seed,
        )
        directory = job.workspace / "model"
        if job.distributed:
            # Here, so that only a distributed training needs Ray Train.
            from pawl_trainers.token_classification.distributed import learn_on_worker

            learn_on_worker(lesson, directory, job.workspace, job.report)
        else:
            _learn_here(lesson, directory, job)
        return directory


def _learn_here(lesson: Lesson, directory: Path, job: TrainingJob) -> None:
    def told(epoch: Epoch) -> None:
        job.report(epoch.number / lesson.settings.epochs, epoch.sentence())

    job.report(1.0, learn(lesson, directory, NoCheckpoints(), told).sentence())


def _readable(examples: Sequence[Example], job: TrainingJob) -> list[LabelledText]:
    texts, unreadable = labelled_texts(examples)
    if unreadable:
        job.report(0.0, f"{unreadable} examples hold no text or no spans of it and are left out")
    return texts
