"""What must be true of a release besides its ending: nothing lost, nobody moved, back in time."""

from collections.abc import Sequence

from pawl_examples.history import ReleaseRecord
from pawl_examples.ledger import Row, left_behind, lost, strays
from pawl_examples.pace import Times
from pawl_examples.scenarios import Scenario, Span
from pawl_examples.tables import seconds_of

GRACE_SECONDS = 1.0
SLACK_SECONDS = 5.0
CRASH_SECONDS = 10.0
SHOWN = 3


def problems_of(scenario: Scenario, record: ReleaseRecord | None, rows: Sequence[Row], times: Times) -> tuple[str, ...]:
    """Sentences about what went wrong in a release, beside how it ended; none is right."""
    found = [] if scenario.may_lose else _lost(lost(rows, scenario.key))
    if record is None:
        return (*found, "no release came of the candidate")
    own = [row for row in rows if row.release == record.number]
    found += _some("stickiness", strays(own, record.number, seconds_of(record.rollback.get("t1"))))
    back = seconds_of(record.rollback.get("t2"))
    if back is not None:
        # The gateway's status may be a moment ahead of its proxies.
        found += _some("rollback", left_behind(own, back + GRACE_SECONDS))
    if record.rollback and scenario.bounded:
        found += _late(timing(record)[scenario.bounded], scenario.bounded, times)
    return tuple(found)


def allowed_seconds(span: Span, times: Times) -> float:
    """How long the way back may take: from evidence one scrape, one look and 5 s; from a crash 10 s."""
    return CRASH_SECONDS if span == "t2-t0" else times.scrape + times.interval + SLACK_SECONDS


def timing(record: ReleaseRecord) -> dict[Span, float | None]:
    """Seconds from harm to the way back, and from evidence to the way back; None where a time is not known."""
    t0, t1, t2 = (seconds_of(record.rollback.get(name)) for name in ("t0", "t1", "t2"))
    return {
        "t2-t1": None if t1 is None or t2 is None else round(t2 - t1, 3),
        "t2-t0": None if t0 is None or t2 is None else round(t2 - t0, 3),
    }


def _late(seconds: float | None, span: Span, times: Times) -> list[str]:
    if seconds is None:
        return [f"timing: {span} is not known"]
    allowed = allowed_seconds(span, times)
    return [f"timing: {span} was {seconds:.1f} s, at most {allowed:.1f} s are allowed"] if seconds > allowed else []


def _lost(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    first = rows[0]
    return [f"{len(rows)} requests lost, the first with status {first.status} on arm {first.arm or '?'}: {first.error}"]


def _some(what: str, sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    more = f" and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return [f"{what}: {'; '.join(sentences[:SHOWN])}{more}"]
