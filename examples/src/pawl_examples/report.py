"""The demo's result as data: for tests, and for whoever wants the figures without the tables."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pawl_examples.checks import timing
from pawl_examples.history import StepRecord, Transition
from pawl_examples.ledger import Row, lost, share
from pawl_examples.loop.turn import LoopResult
from pawl_examples.tables import Outcome, exposed

Json = dict[str, Any]


@dataclass
class Result:
    """Everything that a run found out; filled as it goes on, so that a broken run still has something to tell."""

    opening: list[str] = field(default_factory=list)
    models: list[Json] = field(default_factory=list)
    numbers: Json = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    rows: Sequence[Row] = ()
    loop: LoopResult | None = None
    error: str = ""

    @property
    def as_said(self) -> bool:
        """Whether every release ended as its scenario says, without a problem."""
        shown = bool(self.outcomes) or self.loop is not None
        learned = self.loop is None or not self.loop.problems
        return not self.error and shown and learned and all(outcome.as_said for outcome in self.outcomes)


def write_report(result: Result, path: Path) -> None:
    """Write the result as JSON, replacing what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report_of(result), indent=2, default=str) + "\n", encoding="utf-8")


def report_of(result: Result) -> Json:
    """The result as plain data."""
    return {
        "asSaid": result.as_said,
        "error": result.error,
        "opening": result.opening,
        "seconds": {name: round(value, 1) for name, value in result.seconds.items()},
        "numbers": result.numbers,
        "models": [model_of(one) for one in result.models],
        "requests": {"sent": len(result.rows), "lost": sum(row.status != 200 for row in result.rows)},
        "releases": [release_of(outcome, result.rows) for outcome in result.outcomes],
        "loop": result.loop.report() if result.loop is not None else None,
        "transitions": [asdict(one) for one in result.transitions],
    }


def model_of(model: Json) -> Json:
    """One model's golden score beside its training, as plain data."""
    golden = model.get("golden") or {}
    return {"name": model.get("model", ""), "seconds": model.get("seconds"), **golden}


def release_of(outcome: Outcome, rows: Sequence[Row]) -> Json:
    """One release as plain data."""
    record = outcome.record
    known: Json = {
        "scenario": outcome.scenario.key,
        "title": outcome.scenario.title,
        "expected": outcome.scenario.ending,
        "asSaid": outcome.as_said,
        "problems": list(outcome.problems),
        "lost": [asdict(row) for row in lost(rows, outcome.scenario.key)][:20],
        "requestsLost": len(lost(rows, outcome.scenario.key)),
    }
    if record is None:
        return known
    people, requests = exposed(record, rows) if record.rollback else (0, 0)
    shares = {str(step): asdict(share(rows, record.number, step)) for step in sorted(record.steps)}
    return {
        **known, **asdict(record), "steps": {str(number): step_of(step) for number, step in record.steps.items()},
        "shares": shares, "timing": timing(record), "peopleExposed": people, "requestsExposed": requests,
    }  # fmt: skip


def step_of(step: StepRecord) -> Json:
    """One step as plain data."""
    known = asdict(step)
    weights = {"verifiedWeight": known.pop("verified_weight"), "onRoute": known.pop("on_route")}
    return {"weight": known.pop("weight"), **weights, **known}
