"""The plan of one training run, as the operator writes it into PAWL_PLAN; every mistake is told at once."""

import json
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from pawl.api.meta import ApiModel, Difference, Name, ObjectName, Probability, Rate
from pawl.api.rules import RULE_BROKEN, Whole
from pawl.api.training_run import Split
from pawl_trainers.trainer import TrainingError

_SHOWN = 80
_OPPOSITE = "judge it by an Experiment"

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=512)]
LabelKind = Annotated[str, StringConstraints(pattern=r"^[a-z]+$", max_length=64)]


class PlanError(TrainingError):
    """PAWL_PLAN cannot be used; the message names every field with its value and what to do."""


class Run(ApiModel):
    """The TrainingRun that this is an attempt of."""

    namespace: Name
    name: ObjectName
    uid: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    attempt: Annotated[int, Whole(1, 1000)]


class Dataset(ApiModel):
    """Labels received after `after` (absent: all) and until `until`, and how they are divided."""

    after: AwareDatetime | None = None
    until: AwareDatetime
    min_examples: Annotated[int, Whole(1, 1_000_000_000)]
    validation_percent: Annotated[int, Whole(1, 40)] = Split().validation_percent
    test_percent: Annotated[int, Whole(1, 40)] = Split().test_percent


class Champion(ApiModel):
    """The pinned opponent; `url` is its model's address, `/infer` is asked below it."""

    revision: Annotated[str, StringConstraints(max_length=64)]
    source: Annotated[str, StringConstraints(max_length=512)]
    digest: Annotated[str, StringConstraints(max_length=71)] = ""
    url: HttpUrl


class Gate(ApiModel):
    """What the new version must show; decimal numbers as text."""

    metric: Literal["accuracy"] = "accuracy"
    champion: Champion | None = None
    floor: Rate | None = None
    min_improvement: Difference = "0"
    alpha: Probability = "0.05"


class Plan(ApiModel):
    """One training run: what to learn from, by which trainer, and what must come out."""

    run: Run
    component: Name
    score: Literal["span-f1", "exact"]
    labels: dict[LabelKind, Literal["Given", "Shown", "None"]]
    trainer: Name
    base_model: Annotated[str, StringConstraints(max_length=512)] | None = None
    parameters: dict[str, Annotated[str, StringConstraints(max_length=1024)]] = Field(default_factory=dict)
    seed: Annotated[int, Whole(0, 2**31 - 1)]
    dataset: Dataset
    gate: Gate
    register_: Annotated[bool, Field(alias="register")]
    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    distributed: bool = False

    @property
    def label_rules(self) -> str:
        """The label rules as the collector takes them: `correction:Given,confirmation:Shown`."""
        return ",".join(f"{kind}:{rule}" for kind, rule in self.labels.items() if rule != "None")


def read_plan(text: str) -> Plan:
    """Return the plan that `text` (JSON) holds; raises PlanError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PlanError(f"PAWL_PLAN: is no JSON: {error}; the operator writes it, or take its example") from error
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        problems = "; ".join(_explained(item) for item in error.errors(include_url=False))
        raise PlanError(f"PAWL_PLAN: {problems}") from error


def _explained(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == RULE_BROKEN:
        return f"{field}{_shown(error['input'])}: {context['message']}"
    return f"{field}{_shown(error['input'])}: {error['msg'][:1].lower()}{error['msg'][1:]}, {_remedy(error, field)}"


def _remedy(error: ErrorDetails, field: str) -> str:
    if field == "score":
        return f"the gate compares scores of which more is better; {_OPPOSITE}"
    if error["type"] == "extra_forbidden":
        return "remove it, or run the trainer's image of the operator's release"
    if error["type"] == "missing":
        return "write it into the plan"
    return "correct it in the TrainingRun"


def _shown(value: Any) -> str:  # noqa: ANN401  any JSON value
    if isinstance(value, dict | list):
        return ""
    return f" ({json.dumps(value, ensure_ascii=False, default=str)[:_SHOWN]})"
