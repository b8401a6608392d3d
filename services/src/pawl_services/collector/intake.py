"""The three kinds of record that the collector takes: how a body is read, and which rows it becomes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from pawl_services.collector.models import (
    Feedback,
    Interactions,
    Predictions,
    Sent,
    SentFeedback,
    SentInteraction,
    SentPrediction,
)
from pawl_services.collector.records import Recorder
from pawl_services.db.rows import Bundle
from pawl_services.web.problem import ProblemError, validation_problem

Item = TypeVar("Item", bound=Sent)


@dataclass(frozen=True)
class Intake(Generic[Item]):
    """One kind of record. `name` is the route, the member of a batch, and the label in metrics."""

    name: str
    batch: type[Sent]
    item: type[Item]
    bundle: Callable[[Recorder, Sequence[Item], int], Bundle]

    def read(self, recorder: Recorder, body: bytes) -> Bundle:
        """The rows of a body that holds a batch or one record. Raises ProblemError: 422 naming the first bad field."""
        try:
            # A batch has one member, so its name comes first: no second parse is needed to tell it from a record.
            if re.match(rb'\s*\{\s*"%b"\s*:' % self.name.encode(), body):
                items: Sequence[Item] = getattr(self.batch.model_validate_json(body), self.name)
                return self.bundle(recorder, items, len(body))
            return self.bundle(replace(recorder, alone=True), [self.item.model_validate_json(body)], len(body))
        except ValidationError as error:
            raise ProblemError(validation_problem(_errors(error))) from None


def _errors(error: ValidationError) -> list[dict[str, Any]]:
    errors = [dict(entry) for entry in error.errors(include_url=False, include_context=False)]
    for entry in errors:
        if entry["type"] == "json_invalid":
            entry["input"] = None
    return errors


def _interactions(recorder: Recorder, sent: Sequence[SentInteraction], size: int) -> Bundle:
    rows, attached = recorder.interactions(sent)
    return Bundle(tuple(rows), size, tuple(attached))


def _feedback(recorder: Recorder, sent: Sequence[SentFeedback], size: int) -> Bundle:
    return Bundle(tuple(recorder.feedback(sent)), size)


def _predictions(recorder: Recorder, sent: Sequence[SentPrediction], size: int) -> Bundle:
    return Bundle(tuple(recorder.predictions(sent)), size)


INTERACTIONS = Intake("interactions", Interactions, SentInteraction, _interactions)
FEEDBACK = Intake("feedback", Feedback, SentFeedback, _feedback)
PREDICTIONS = Intake("predictions", Predictions, SentPrediction, _predictions)
