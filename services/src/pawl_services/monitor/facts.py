"""Reads a release's interactions in the order of receive times, in bounded slices and without their texts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, select

from pawl_services.db.reader import (
    Feedback,
    Interaction,
    Prediction,
    feedback_between,
    feedback_of,
    interactions_of,
    predictions_of,
)
from pawl_services.db.tables import interactions
from pawl_services.monitor.closing import Records, by_interaction
from pawl_services.monitor.release import Release
from pawl_services.monitor.windows import Fact, Window

SLICE = 20_000


class Slice(NamedTuple):
    """The release's own facts up to `until` (microseconds), nothing left out before it."""

    facts: list[Fact]
    until: int


def read_slice(connection: Connection, release: Release, after: int, until: int, limit: int = SLICE) -> Slice:
    """Facts with after < received_at <= until; where there are more than `limit`, `until` comes back earlier."""
    query = _query(release).where(interactions.c.received_at > after, interactions.c.received_at <= until)
    rows = list(connection.execute(query.limit(limit)))
    if len(rows) == limit:
        # Rows of one commit share their receive time: take the rest of the last one, to stop between two.
        until, last = rows[-1].received_at, rows[-1].id
        rest = _query(release).where(interactions.c.received_at == until, interactions.c.id > last)
        rows += connection.execute(rest)
    return Slice([fact for row in rows if (fact := _fact(release, row)) is not None], until)


def read_records(connection: Connection, release: Release, windows: Iterable[Window]) -> Records:
    """What was said of the interactions in these windows, and the texts of those of which something was said."""
    ids = [identifier for window in windows for identifier in window.ids()]
    feedback = by_interaction(feedback_of(connection, release.namespace, ids))
    said = list(feedback)
    predictions: dict[str, list[Prediction]] = defaultdict(list)
    if release.pairing != "None":
        for prediction in predictions_of(connection, release.namespace, release.component, said):
            predictions[prediction.interaction].append(prediction)
    answered = interactions_of(connection, release.namespace, said)
    return Records(feedback, {item.id: item for item in answered}, predictions)


def read_said(
    connection: Connection, release: Release, after: int, until: int, ids: Sequence[str]
) -> Iterator[tuple[Interaction, Feedback]]:
    """The release's own interactions with what was said of them: feedback received in the span, or on `ids` before."""
    early = (item for item in feedback_of(connection, release.namespace, ids) if item.received_at <= after)
    said = by_interaction([*feedback_between(connection, release.namespace, after, until), *early])
    for interaction in interactions_of(connection, release.namespace, list(said)):
        own = interaction.component == release.component and interaction.release == release.number
        own = own and interaction.rollout == release.uid
        if own and release.is_live(interaction.arm, interaction.revision, interaction.step):
            yield from ((interaction, item) for item in said[interaction.id])


def _query(release: Release) -> Select[tuple[object, ...]]:
    table = interactions.c
    columns = (table.id, table.user, table.key_id, table.step, table.arm, table.revision, table.time)
    own = (table.namespace == release.namespace, table.component == release.component)
    # A component may have several Rollouts, and each counts its releases from 1.
    mine = (table.rollout == release.uid, table.release == release.number)
    found = select(*columns, table.received_at, table.latency_ms).where(*own, *mine)
    return found.order_by(table.received_at, table.id)


def _fact(release: Release, row: Row[tuple[object, ...]]) -> Fact | None:
    if not release.is_live(row.arm, row.revision, row.step):
        return None
    return Fact(row.id, row.user, row.key_id, row.step, row.arm, row.time, row.received_at, row.latency_ms)
