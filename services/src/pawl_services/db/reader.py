"""Reads interactions, predictions and feedback in the order they were received, for evidence and data sets.

A reader keeps a cursor: it asks `Database.watermark()`, reads everything with cursor < received_at <= watermark, and
moves the cursor to the watermark. Nothing is read twice and nothing is missed (see `Database.watermark`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Select, Table, select

from pawl_services.db.tables import feedback, interactions, predictions

PAGE = 1000
IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Interaction:
    """One answered request. Times in microseconds since 1970 UTC, latency in milliseconds, `user` a pseudonym."""

    id: str
    component: str
    user: str
    key_id: str
    time: int
    received_at: int
    input: object
    output: object
    latency_ms: float | None
    revision: str | None
    arm: str | None
    rollout: str | None
    release: int | None
    step: int | None
    confidence: float | None
    session: str | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one revision of a component answered to an interaction's request; `source` is Mirror, Replay or Client."""

    interaction: str
    component: str
    revision: str
    source: str
    arm: str | None
    output: object
    confidence: float | None
    latency_ms: float | None
    time: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of an interaction; `kind` is correction, confirmation or thumbs."""

    id: str
    interaction: str
    kind: str
    time: int
    received_at: int
    value: object


Record = TypeVar("Record", Interaction, Prediction, Feedback)


def interactions_between(
    connection: Connection, namespace: str, component: str, after: int, until: int, release: int | None = None
) -> Iterator[Interaction]:
    """Interactions with after < received_at <= until, oldest first; of one release when it is named."""
    table = interactions.c
    query = _between(interactions, Interaction, namespace, after, until).where(table.component == component)
    if release is not None:
        query = query.where(table.release == release)
    return _stream(connection, query, Interaction)


def predictions_between(
    connection: Connection, namespace: str, component: str, after: int, until: int
) -> Iterator[Prediction]:
    """Predictions with after < received_at <= until, oldest first."""
    query = _between(predictions, Prediction, namespace, after, until)
    return _stream(connection, query.where(predictions.c.component == component), Prediction)


def feedback_between(connection: Connection, namespace: str, after: int, until: int) -> Iterator[Feedback]:
    """Feedback of all components with after < received_at <= until, oldest first."""
    return _stream(connection, _between(feedback, Feedback, namespace, after, until), Feedback)


def interactions_of(connection: Connection, namespace: str, ids: Sequence[str]) -> Iterator[Interaction]:
    """The interactions with these ids, as far as they were received; in no particular order."""
    for some in _chunks(ids):
        query = _columns(interactions, Interaction, namespace).where(interactions.c.id.in_(some))
        yield from _stream(connection, query, Interaction)


def feedback_of(connection: Connection, namespace: str, ids: Sequence[str]) -> Iterator[Feedback]:
    """All feedback on the interactions with these ids; in no particular order."""
    for some in _chunks(ids):
        query = _columns(feedback, Feedback, namespace).where(feedback.c.interaction.in_(some))
        yield from _stream(connection, query, Feedback)


def predictions_of(connection: Connection, namespace: str, component: str, ids: Sequence[str]) -> Iterator[Prediction]:
    """All predictions of `component` on the interactions with these ids; in no particular order."""
    for some in _chunks(ids):
        query = _columns(predictions, Prediction, namespace)
        query = query.where(predictions.c.component == component, predictions.c.interaction.in_(some))
        yield from _stream(connection, query, Prediction)


def _columns(table: Table, record: type[Record], namespace: str) -> Select[tuple[object, ...]]:
    columns = [table.c[name] for name in record.__dataclass_fields__]
    return select(*columns).where(table.c.namespace == namespace)


def _between(table: Table, record: type[Record], namespace: str, after: int, until: int) -> Select[tuple[object, ...]]:
    received = table.c.received_at
    key = table.c.interaction if table is predictions else table.c.id
    query = _columns(table, record, namespace).where(received > after, received <= until)
    return query.order_by(received, key)


def _stream(
    connection: Connection, query: Select[tuple[object, ...]], record: Callable[..., Record]
) -> Iterator[Record]:
    for row in connection.execute(query.execution_options(yield_per=PAGE)):
        yield record(*row)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]
