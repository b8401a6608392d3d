"""The trainers that a plan may name; each is imported only when it is used: an image needs only its own libraries."""

import importlib
from collections.abc import Mapping

from pawl_trainers.trainer import Trainer, TrainingError

TRAINERS: Mapping[str, str] = {
    "linear-tagger": "pawl_trainers.linear_tagger.trainer:LinearTaggerTrainer",
    "token-classification": "pawl_trainers.token_classification.trainer:TokenClassificationTrainer",
}


def trainer_named(name: str) -> Trainer:
    """Return the trainer of that name; raises TrainingError where it is unknown or its libraries are absent."""
    place = TRAINERS.get(name)
    if place is None:
        raise TrainingError(f"trainer: {name!r} is not known; use one of {', '.join(TRAINERS)}")
    module, _, attribute = place.partition(":")
    try:
        made: Trainer = getattr(importlib.import_module(module), attribute)()
    except ImportError as error:
        raise TrainingError(
            f"trainer: {name!r} needs libraries that this image lacks: {error}; use its image"
        ) from error
    return made
