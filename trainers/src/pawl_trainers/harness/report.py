"""The lines on standard output that the operator reads: progress, and at the end one report."""

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Stage = Literal["dataset", "train", "export", "evaluate", "gate", "register"]
Outcome = Literal["Succeeded", "GateRefused", "TooFewExamples", "Failed"]
Say = Callable[[str], None]

EXIT_CODES: Mapping[Outcome, int] = {"Succeeded": 0, "GateRefused": 0, "TooFewExamples": 3, "Failed": 1}
"""A refusal is a finding, not a failure: trying again would find the same."""
MAX_MESSAGE = 1000
# Where each stage begins and ends within the whole, in percent: training takes most of the time.
_SHARES: Mapping[Stage, tuple[int, int]] = {
    "dataset": (0, 10),
    "train": (10, 80),
    "export": (80, 82),
    "evaluate": (82, 92),
    "gate": (92, 94),
    "register": (94, 100),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """The dataset's digest, its parts, and how many examples there are and are asked for."""

    digest: str
    train: int
    validation: int
    test: int
    have: int
    need: int


@dataclass(frozen=True, slots=True)
class GateFinding:
    """What the gate said; the interval is two-sided with level 1 - 2 alpha, so `lower` is the bound that decides."""

    passed: bool
    estimate: float | None
    lower: float | None
    upper: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The version in the registry."""

    source: str
    digest: str


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended; what it did not come to is None or empty."""

    outcome: Outcome
    message: str
    dataset: Counts | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    gate: GateFinding | None = None
    registered: Registered | None = None

    def line(self) -> str:
        """Return the report as one line."""
        return "pawl-report " + _json(
            {
                "outcome": self.outcome,
                "message": _short(self.message),
                "dataset": _members(self.dataset),
                "metrics": [{"name": name, "value": value} for name, value in self.metrics.items()],
                "gate": _members(self.gate),
                "registered": _members(self.registered),
            }
        )


def progress_line(stage: Stage, part: float, message: str) -> str:
    """Return one line of progress; `part` is how much of the stage is done, 0 to 1."""
    begin, end = _SHARES[stage]
    percent = begin + (end - begin) * min(1.0, max(0.0, part))
    return "pawl-progress " + _json({"stage": stage, "percent": math.floor(percent), "message": _short(message)})


def to_standard_output(line: str) -> None:
    """Write one line so that a reader of the log has it at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _members(value: Any) -> dict[str, Any] | None:  # noqa: ANN401  one of the dataclasses above
    return None if value is None else {name: getattr(value, name) for name in value.__slots__}


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= MAX_MESSAGE else f"{one_line[: MAX_MESSAGE - 1]}…"


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
