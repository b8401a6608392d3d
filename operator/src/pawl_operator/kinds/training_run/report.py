"""What a trainer says in its log: progress, and at the end one report. The log is read, never trusted.

A line counts when it begins with the mark, is not too long, and its JSON has the agreed shape; everything else in a
log is the trainer's own business. Of several reports the last one counts. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from pawl.api.training_run import MAX_METRICS

LINE_LIMIT = 65_536
PROGRESS = "pawl-progress "
REPORT = "pawl-report "
MESSAGE_LIMIT = 1024
_LINES = re.compile(r"[\r\n]+")
Heard = TypeVar("Heard", bound="Said")

Message = Annotated[str, AfterValidator(lambda text: text[:MESSAGE_LIMIT])]
Count = Annotated[int, Field(ge=0, le=2**53)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Source = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=512)]
MetricName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class Said(BaseModel):
    """Base of what is read from a log: unknown members are a newer trainer's, and ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Progress(Said):
    """How far the work is."""

    stage: Literal["dataset", "train", "evaluate", "export", "gate", "register"]
    percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    message: Message = ""


class SaidDataset(Said):
    """What was learned from, in examples."""

    digest: Digest | Literal[""] = ""
    train: Count = 0
    validation: Count = 0
    test: Count = 0
    have: Count = 0
    need: Count = 0


class SaidMetric(Said):
    """One number."""

    name: MetricName
    value: Finite


class SaidGate(Said):
    """The gate's finding, in the metric's own unit."""

    passed: bool
    estimate: Finite | None = None
    lower: Finite | None = None
    upper: Finite | None = None
    message: Message = ""


class SaidVersion(Said):
    """The version that was registered."""

    source: Source
    digest: Digest


class Report(Said):
    """The end of a training, as the trainer tells it."""

    outcome: Literal["Succeeded", "GateRefused", "TooFewExamples", "Failed"]
    message: Message = ""
    dataset: SaidDataset | None = None
    metrics: Annotated[tuple[SaidMetric, ...], Field(max_length=MAX_METRICS)] = ()
    gate: SaidGate | None = None
    registered: SaidVersion | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """What a log says so far."""

    progress: Progress | None = None
    report: Report | None = None
    last: str = ""
    """The last line that is not ours: what a trainer that crashed said before it did."""


def read(text: str) -> Log:
    """Return what the end of a log says."""
    progress, report, last = None, None, ""
    for line in _lines(text):
        if line.startswith(PROGRESS):
            progress = _parse(Progress, line.removeprefix(PROGRESS)) or progress
        elif line.startswith(REPORT):
            report = _parse(Report, line.removeprefix(REPORT)) or report
        else:
            last = line
    return Log(progress, report, last[:MESSAGE_LIMIT])


def contradiction(report: Report, *, model: str, register: bool) -> str:
    """Return what is wrong with a report for a run that registers (or does not) versions of `model`; empty: nothing."""
    version = report.registered
    if report.outcome != "Succeeded":
        return f"{report.outcome}, but a version was registered" if version is not None else ""
    if report.gate is not None and not report.gate.passed:
        return "Succeeded, but the gate was not passed"
    if (version is not None) != register:
        return f"spec.register is {str(register).lower()}, but {'a' if version is not None else 'no'} version is named"
    if version is not None and not re.fullmatch(rf"models:/{re.escape(model)}/[0-9]+", version.source):
        return f"registered.source {version.source[:128]!r} is no version of {model}"
    return ""


def _lines(text: str) -> Iterator[str]:
    return (line for line in (part.strip() for part in _LINES.split(text)) if line)


def _parse(kind: type[Heard], text: str) -> Heard | None:
    if len(text) > LINE_LIMIT:
        return None
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        return None
