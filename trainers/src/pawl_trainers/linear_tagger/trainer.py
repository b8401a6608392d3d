"""The linear tagger as a trainer of the harness: from labelled interactions to an exported model."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pawl_trainers.facts.examples import labelled_texts
from pawl_trainers.linear_tagger import artifact
from pawl_trainers.linear_tagger.train import Settings, train
from pawl_trainers.trainer import TrainingError, TrainingJob

Number = TypeVar("Number", int, float)


class LinearTaggerTrainer:
    """Learns from both parts: its threshold is chosen by cross-validation over all people, not by the second part."""

    def fit(self, job: TrainingJob) -> Path:
        """Return the folder `model` in the job's workspace; raises TrainingError."""
        settings = settings_of(job.parameters, job.seed)
        texts, unreadable = labelled_texts([*job.train, *job.validation])
        if unreadable:
            job.report(0.0, f"{unreadable} examples hold no text or no spans of it and are left out")
        try:
            trained = train(texts, settings, job.report)
        except ValueError as error:
            raise TrainingError(str(error)) from error
        directory = job.workspace / "model"
        artifact.write(trained.tagger, directory)
        return directory


def settings_of(parameters: Mapping[str, str], seed: int) -> Settings:
    """Return the hyperparameters that a run names as text; raises TrainingError for an unknown or unusable one."""
    known = {"inverse-penalty", "min-count", "folds", "max-iterations", "tolerance"}
    for name in parameters:
        if name not in known:
            raise TrainingError(f"parameters.{name}: is not known; use {', '.join(sorted(known))}")
    default = Settings()
    return Settings(
        inverse_penalty=_number(parameters, "inverse-penalty", float, default.inverse_penalty, 1e-6),
        min_count=_number(parameters, "min-count", int, default.min_count, 1),
        folds=_number(parameters, "folds", int, default.folds, 2),
        max_iterations=_number(parameters, "max-iterations", int, default.max_iterations, 1),
        tolerance=_number(parameters, "tolerance", float, default.tolerance, 1e-12),
        seed=seed,
    )


def _number(
    parameters: Mapping[str, str], name: str, read: Callable[[str], Number], default: Number, least: Number
) -> Number:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        value = read(text)
    except ValueError as error:
        raise TrainingError(f"parameters.{name}: {text!r} is no number; write {default!r} for the default") from error
    if not least <= value < 1e6:
        raise TrainingError(f"parameters.{name}: {text} is out of range; use {least} or more, below 1000000")
    return value
