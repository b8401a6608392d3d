"""Reads labelled interactions in the order in which they were labelled, in bounded pieces, and counts them.

Nothing is held open between two pieces, however slowly they are taken: rows that were received until a watermark
never change, so many short transactions see what one long one would have seen.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, cast, distinct, func, or_, select

from pawl.scoring.labels import GIVEN, SHOWN, label_of
from pawl_services.db.engine import Database
from pawl_services.db.reader import Feedback
from pawl_services.db.tables import feedback, interactions

LABELS_AT_ONCE = 500
CHARACTERS_AT_ONCE = 2**20
"""Of JSON in one piece; an example that is larger alone is a piece of its own."""
SMALL = 4096
"""Characters of a label's value; of small ones many are held while the one that decides is looked for, else a few."""
SMALL_AT_ONCE, LARGE_AT_ONCE = CHARACTERS_AT_ONCE // SMALL, 4


@dataclass(frozen=True, slots=True)
class Span:
    """Whose examples: of one component, labelled after `after` until `until` (microseconds), by these label rules."""

    namespace: str
    component: str
    after: int
    until: int
    rules: Mapping[str, str]

    def kinds(self, *rules: str) -> list[str]:
        """The kinds of feedback that have one of these rules."""
        return sorted(kind for kind, rule in self.rules.items() if rule in rules)


@dataclass(frozen=True, slots=True)
class Example:
    """An interaction with its truth. Times in microseconds; `labelled_at` is when the label was received."""

    interaction: str
    user: str
    time: int
    labelled_at: int
    input: object
    output: object
    truth: object
    kind: str
    revision: str | None


@dataclass(frozen=True, slots=True)
class _Label:
    """The feedback that decides an interaction's truth, without its value; `size` in characters, of all its texts."""

    id: str
    interaction: str
    received_at: int
    size: int


def examples(database: Database, span: Span) -> Iterator[list[Example]]:
    """The examples of a span in bounded pieces, oldest label first.

    An interaction is an example once, at the label that decides its truth among all that were received until
    `span.until`, and only if it was itself received by then and may be learned from. Blocks while it reads.
    """
    place: tuple[int, str] | None = None
    while True:
        with database.read() as connection:
            page = _labels(connection, span, place)
            deciding = _deciding(connection, span, page) if page else []
        for labels in _pieces(deciding):
            with database.read() as connection:
                piece = _read(connection, span, labels)
            yield piece
        if len(page) < LABELS_AT_ONCE:
            return
        place = page[-1].received_at, page[-1].id


def count_given(connection: Connection, span: Span) -> int:
    """How many interactions of the span have a label that says the truth itself; repeated labels count once."""
    subject = and_(interactions.c.namespace == feedback.c.namespace, interactions.c.id == feedback.c.interaction)
    query = select(func.count(distinct(feedback.c.interaction))).select_from(feedback.join(interactions, subject))
    query = query.where(*_labelled(span, span.kinds(GIVEN)), *_usable(connection, span))
    return int(connection.execute(query).scalar_one())


def _labelled(span: Span, kinds: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    received = feedback.c.received_at
    own = feedback.c.namespace == span.namespace
    return own, feedback.c.kind.in_(kinds), received > span.after, received <= span.until


def _usable(connection: Connection, span: Span) -> tuple[ColumnElement[bool], ...]:
    """Interactions of the component that were there by the end of the span and may be learned from."""
    raw = interactions.c.raw
    # Only a refusal is ever stored, so what is absent is allowed.
    if connection.dialect.name == "postgresql":
        refused = func.json_extract_path_text(raw, "training")
    else:
        refused = func.json_extract(raw, "$.training")
    there = interactions.c.received_at <= span.until
    own = and_(interactions.c.namespace == span.namespace, interactions.c.component == span.component)
    return own, there, refused.is_(None)


def _labels(connection: Connection, span: Span, place: tuple[int, str] | None) -> list[_Label]:
    """The next labels after `place` in the order of receive time and id, of whatever component."""
    table, size = feedback.c, func.length(cast(feedback.c.value, Text))
    query = select(table.id, table.interaction, table.received_at, size)
    query = query.where(*_labelled(span, span.kinds(GIVEN, SHOWN)))
    if place is not None:
        at, last = place
        query = query.where(table.received_at >= at, or_(table.received_at > at, table.id > last))
    rows = connection.execute(query.order_by(table.received_at, table.id).limit(LABELS_AT_ONCE))
    return [_Label(*row) for row in rows]


def _deciding(connection: Connection, span: Span, page: Sequence[_Label]) -> list[_Label]:
    """Those of the page that decide the truth of an interaction that can be an example, with its size added."""
    table = interactions.c
    size = func.length(cast(table.input, Text)) + func.length(cast(table.output, Text))
    query = select(table.id, size).where(*_usable(connection, span))
    query = query.where(table.id.in_({label.interaction for label in page}))
    sizes = {row[0]: row[1] for row in connection.execute(query)}
    winners = {
        label[0].id
        for _, said in groupby(_said(connection, span, list(sizes)), lambda item: item.interaction)
        if (label := label_of(said, None, span.rules)) is not None
    }
    return [
        _Label(label.id, label.interaction, label.received_at, label.size + sizes[label.interaction])
        for label in page
        if label.id in winners
    ]


def _said(connection: Connection, span: Span, ids: Sequence[str]) -> Iterator[Feedback]:
    """All that was said of these interactions by the end of the span, interaction by interaction."""
    if not ids:
        return
    query = _feedback(span).where(feedback.c.interaction.in_(ids), feedback.c.received_at <= span.until)
    query, size = query.order_by(feedback.c.interaction), func.length(cast(feedback.c.value, Text))
    small = connection.execute(query.where(size <= SMALL).execution_options(yield_per=SMALL_AT_ONCE))
    large = connection.execute(query.where(size > SMALL).execution_options(yield_per=LARGE_AT_ONCE))
    for row in merge(small, large, key=lambda row: row.interaction):
        yield Feedback(*row)


def _feedback(span: Span) -> Select[Any]:
    columns = [feedback.c[name] for name in Feedback.__dataclass_fields__]
    return select(*columns).where(feedback.c.namespace == span.namespace)


def _pieces(labels: Sequence[_Label]) -> Iterator[list[_Label]]:
    """Runs of labels whose texts are together no larger than `CHARACTERS_AT_ONCE`, or single ones."""
    piece: list[_Label] = []
    size = 0
    for label in labels:
        if piece and size + label.size > CHARACTERS_AT_ONCE:
            yield piece
            piece, size = [], 0
        piece.append(label)
        size += label.size
    if piece:
        yield piece


def _read(connection: Connection, span: Span, labels: Sequence[_Label]) -> list[Example]:
    table = interactions.c
    query: Select[Any] = select(table.id, table.user, table.time, table.input, table.output, table.revision)
    query = query.where(table.namespace == span.namespace, table.id.in_([label.interaction for label in labels]))
    answered = {row.id: row for row in connection.execute(query)}
    said = connection.execute(_feedback(span).where(feedback.c.id.in_([label.id for label in labels])))
    values = {row.id: Feedback(*row) for row in said}
    found = (_example(span, answered.get(label.interaction), values.get(label.id)) for label in labels)
    return [example for example in found if example is not None]


def _example(span: Span, answered: Row[Any] | None, said: Feedback | None) -> Example | None:
    """None where a row was erased meanwhile."""
    label = label_of([said], answered.output, span.rules) if answered is not None and said is not None else None
    if answered is None or label is None:
        return None
    item, truth = label
    return Example(
        interaction=item.interaction,
        user=answered.user,
        time=answered.time,
        labelled_at=item.received_at,
        input=answered.input,
        output=answered.output,
        truth=truth.value,
        kind=item.kind,
        revision=answered.revision,
    )
