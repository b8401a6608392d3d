"""What may be sent: bounded, typed, closed against unknown fields; `metadata` is the place for anything else."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_BATCH = 1000
MAX_PREDICTIONS = 32
MAX_INT = 2**31 - 1

# That a text has no U+0000 and a time is plausible is checked by the recorder: validators written in Python would
# cost more than all the others together.
ComponentName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")]
Count = Annotated[int, Field(ge=0, le=MAX_INT)]
Milliseconds = Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Source = Literal["Mirror", "Replay", "Client"]


class Sent(BaseModel):
    """Base of all requests: camelCase on the wire, strict types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, strict=True)


class SentAnswer(Sent):
    """What one component answered besides the interaction's own; `revision` is the model that did."""

    component: ComponentName
    output: Any
    revision: Label
    arm: Label | None = None
    confidence: Share | None = None
    latency_ms: Milliseconds | None = None


class SentInteraction(Sent):
    """One answered request. `user` is the application's own id of the person: it is never stored as sent.

    `training` says whether the person allows that it is learned from; false: it counts as evidence only.
    """

    id: UUID
    component: ComponentName
    user: Annotated[str, Field(min_length=1, max_length=512)]
    time: AwareDatetime
    input: Any
    output: Any
    latency_ms: Milliseconds | None = None
    revision: Label | None = None
    arm: Label | None = None
    rollout: Label | None = None
    release: Count | None = None
    step: Count | None = None
    confidence: Share | None = None
    session: Annotated[str, Field(max_length=255)] | None = None
    metadata: dict[str, Any] | None = None
    predictions: Annotated[tuple[SentAnswer, ...], Field(max_length=MAX_PREDICTIONS)] = ()
    training: bool = True


class SentPrediction(SentAnswer):
    """What a revision answered to a request that another revision answered to the user."""

    interaction: UUID
    time: AwareDatetime
    source: Source


class SentFeedback(Sent):
    """What a person said of an interaction; it may arrive before the interaction does.

    `value` is an object: a correction needs `truth`; a confirmation may repeat it; thumbs need `up`, true or false.
    The recorder checks that, for it can name the member that is wrong.
    """

    id: UUID
    interaction: UUID
    kind: Literal["correction", "confirmation", "thumbs"]
    time: AwareDatetime
    value: dict[str, Any]


class Interactions(Sent):
    """A batch."""

    interactions: Annotated[list[SentInteraction], Field(max_length=MAX_BATCH)]


class Feedback(Sent):
    """A batch."""

    feedback: Annotated[list[SentFeedback], Field(max_length=MAX_BATCH)]


class Predictions(Sent):
    """A batch."""

    predictions: Annotated[list[SentPrediction], Field(max_length=MAX_BATCH)]
