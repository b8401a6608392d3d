"""The rows of the demo's tables, from what was recorded: plain data in, plain text out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pawl_examples.history import ReleaseRecord, StepRecord
from pawl_examples.ledger import Row, Share, exposure, lost, share
from pawl_examples.scenarios import Scenario

Json = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A title, the names of columns, and rows of as many cells."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """A scenario beside the release that it became; `record` is None where none came of it."""

    scenario: Scenario
    record: ReleaseRecord | None
    problems: tuple[str, ...] = ()

    @property
    def as_said(self) -> bool:
        """Whether it ended as its scenario says, with nothing lost or moved that should not be."""
        return self.record is not None and self.record.state == self.scenario.ending and not self.problems


def models_table(models: Iterable[Json]) -> Table:
    """Golden F1 with its interval by person; `models` as the trainers report them."""
    columns = ("model", "golden F1", "95 % by person", "precision", "recall", "seconds to train")
    return Table("Models", columns, tuple(_model_row(one) for one in models))


def releases_table(outcomes: Sequence[Outcome], rows: Sequence[Row]) -> Table:
    """Step by step: weight asked, weights on the HTTPRoute (candidate : stable), share seen, the last verdict and its
    evidence.
    """
    columns = (
        "release",
        "step",
        "asked",
        "on the route",
        "people seen",
        "requests seen",
        "verdict",
        "evidence",
        "detectable",
    )
    found = [
        _step_row(
            f"{outcome.scenario.key} r{outcome.record.number}", share(rows, outcome.record.number, number), number, step
        )
        for outcome in outcomes
        if outcome.record is not None
        for number, step in sorted(outcome.record.steps.items())
    ]
    return Table("Releases", columns, tuple(found))


def bad_versions_table(outcomes: Sequence[Outcome], rows: Sequence[Row]) -> Table:
    """What each rolled-back version did before traffic was back."""
    columns = ("release", "cause", "t0 harm", "t1 evidence", "t2 back", "t2-t0", "t2-t1", "people", "requests", "lost")
    found = [
        _bad_row(outcome.scenario.key, outcome.record, rows)
        for outcome in outcomes
        if outcome.record is not None and outcome.record.rollback
    ]
    return Table("Bad versions", columns, tuple(found))


def seconds_of(stamp: object) -> float | None:
    """Seconds since the epoch of a time as the API writes it; None where there is none."""
    return datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) and stamp else None


def exposed(record: ReleaseRecord, rows: Iterable[Row]) -> tuple[int, int]:
    """People and requests that met the candidate of a rolled-back release, from t0 (or the first) to t2."""
    start, end = seconds_of(record.rollback.get("t0")), seconds_of(record.rollback.get("t2"))
    met = exposure(rows, record.number, start or 0.0, end if end is not None else float("inf"))
    return met.people, met.requests


def evidence_text(step: StepRecord) -> str:
    """The evidence of a step in a cell: each metric's estimate, interval and people."""
    return "\n".join(_one_evidence(name, one) for name, one in _told(step)) or "-"


def _told(step: StepRecord) -> list[tuple[str, Json]]:
    """The metrics of which there is evidence, by name; a version may go back before there is any."""
    return [(name, one) for name, one in sorted(step.evidence.items()) if one.get("estimate")]


def _model_row(model: Json) -> tuple[str, ...]:
    golden = model.get("golden") or {}
    interval = f"{_figure(golden.get('lower'))} to {_figure(golden.get('upper'))}"
    seconds = model.get("seconds")
    return (
        str(model.get("model", "?")),
        _figure(golden.get("f1")),
        interval,
        _figure(golden.get("precision")),
        _figure(golden.get("recall")),
        "-" if seconds is None else f"{seconds:.0f}",
    )


def _step_row(release: str, seen: Share, number: int, step: StepRecord) -> tuple[str, ...]:
    detectable = "\n".join(_short(one.get("detectable")) for _, one in _told(step))
    return (
        release,
        str(number),
        f"{step.weight} %",
        " : ".join(str(weight) for weight in step.on_route[-1]) if step.on_route else "-",
        f"{seen.by_people:.0%} of {seen.people}",
        f"{seen.by_requests:.0%} of {seen.requests}",
        step.verdict or "-",
        evidence_text(step),
        detectable or "-",
    )


def _bad_row(key: str, record: ReleaseRecord, rows: Sequence[Row]) -> tuple[str, ...]:
    rollback = record.rollback
    people, requests = exposed(record, rows)
    return (
        f"{key} r{record.number}",
        str(rollback.get("cause") or record.cause or "-"),
        _clock(rollback.get("t0")),
        _clock(rollback.get("t1")),
        _clock(rollback.get("t2")),
        _between(rollback.get("t0"), rollback.get("t2")),
        _between(rollback.get("t1"), rollback.get("t2")),
        str(people),
        str(requests),
        str(len(lost(rows, key))),
    )


def _one_evidence(name: str, one: Json) -> str:
    estimate, lower, upper = (_short(one.get(key)) for key in ("estimate", "lower", "upper"))
    return f"{name} {estimate} [{lower}, {upper}] n {one.get('users', '-')}"


def _short(number: object) -> str:
    return f"{float(number):.3f}" if isinstance(number, str) and number else "-"


def _between(start: object, end: object) -> str:
    first, last = seconds_of(start), seconds_of(end)
    return "-" if first is None or last is None else f"{last - first:.1f} s"


def _clock(stamp: object) -> str:
    seconds = seconds_of(stamp)
    return "-" if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def _figure(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "-"
