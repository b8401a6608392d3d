"""Rows as the writer takes them: columns in the order of the table, JSON already as text, no receive time yet."""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Table

from pawl_services.db.tables import feedback, interactions, predictions


class InteractionRow(NamedTuple):
    """One row of `interactions`; `input`, `output` and `raw` are JSON texts."""

    namespace: str
    id: str
    component: str
    user: str
    key_id: str
    time: int
    input: str
    output: str
    latency_ms: float | None
    revision: str | None
    arm: str | None
    rollout: str | None
    release: int | None
    step: int | None
    confidence: float | None
    session: str | None
    raw: str | None


class PredictionRow(NamedTuple):
    """One row of `predictions`; `output` is a JSON text."""

    namespace: str
    interaction: str
    component: str
    revision: str
    source: str
    arm: str | None
    output: str
    confidence: float | None
    latency_ms: float | None
    time: int


class FeedbackRow(NamedTuple):
    """One row of `feedback`; `value` is a JSON text."""

    namespace: str
    id: str
    interaction: str
    kind: str
    time: int
    value: str


Row = InteractionRow | PredictionRow | FeedbackRow
TABLES: dict[type[Row], Table] = {InteractionRow: interactions, PredictionRow: predictions, FeedbackRow: feedback}


@dataclass(frozen=True, slots=True)
class Bundle:
    """The rows of one request: written in one transaction, or not at all.

    `main` are the rows the sender counts, `attached` follow them; `size` is the request's length in bytes.
    """

    main: tuple[Row, ...]
    size: int
    attached: tuple[PredictionRow, ...] = ()

    def __len__(self) -> int:
        return len(self.main) + len(self.attached)


def columns_of(kind: type[Row]) -> tuple[str, ...]:
    """The column names of a row type, in order."""
    return kind._fields


def key_of(kind: type[Row]) -> tuple[int, ...]:
    """The positions of the primary key's columns in a row of this type."""
    return tuple(kind._fields.index(column.name) for column in TABLES[kind].primary_key.columns)
