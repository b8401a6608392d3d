"""Writes evidence: one transaction for everything that one look at the database changes, or nothing of it.

The transaction begins by comparing the release's version with the one the writer started from. Two monitors that
both believe to lead cannot both count a user: the second one's version is old, and it has to read everything again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from pawl_services.db.engine import Database
from pawl_services.db.tables import counted_users, evidence_batches, evidence_state
from pawl_services.monitor.accumulate import Group
from pawl_services.monitor.header import Header
from pawl_services.monitor.ledger import entries_of
from pawl_services.monitor.release import Release
from pawl_services.monitor.totals import Totals

GroupKey = tuple[int, str]
# The header is kept as the state of step 0 and no metric; steps of evidence start at 1.
HEADER: GroupKey = (0, "")
EXPOSED: GroupKey = (0, "exposed")
IDS_AT_ONCE = 500


class OutdatedError(Exception):
    """Somebody else has written this release's evidence since it was read: read it again."""


@dataclass(frozen=True, slots=True)
class ClosedBatch:
    """One more batch of a group: its state after it, the batch by itself, and whom it counted."""

    key: GroupKey
    group: Group
    totals: Totals
    users: Sequence[str]


@dataclass(frozen=True, slots=True)
class Advance:
    """Everything one look changes. `header` still has the version that was read; `exposed` may hold users already
    counted as exposed.
    """

    header: Header
    exposed: Collection[str] = ()
    batches: Sequence[ClosedBatch] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is stored of one release."""

    header: Header
    groups: Mapping[GroupKey, Group] = field(default_factory=dict)


def load(connection: Connection, uid: str, number: int) -> Evidence | None:
    """The stored evidence of a release, None where nothing was stored yet."""
    table = evidence_state.c
    query = select(table.step, table.metric, table.state).where(table.object_uid == uid, table.release == number)
    states = {(row.step, row.metric): row.state for row in connection.execute(query)}
    header = states.pop(HEADER, None)
    if header is None:
        return None
    return Evidence(Header.from_json(header), {key: Group.from_json(state) for key, state in states.items()})


def stored_since(connection: Connection, moment: int) -> list[tuple[str, int]]:
    """The releases (uid, number) whose evidence changed after `moment`, in microseconds."""
    table = evidence_state.c
    query = select(table.object_uid, table.release).where(table.step == HEADER[0], table.metric == HEADER[1])
    return [(row.object_uid, row.release) for row in connection.execute(query.where(table.updated_at > moment))]


def commit(database: Database, advance: Advance, now: int) -> Header:
    """Write it all in one transaction and return the header as stored; `now` in microseconds.

    Raises:
        OutdatedError: the stored version is not the one that the advance started from; nothing was written.
    """
    try:
        with database.write() as connection:
            return _write(connection, advance, now)
    except IntegrityError as error:
        # The first commit of a release has no row to lock: two may try, and the keys let one through.
        raise OutdatedError(str(error.orig)) from error


def _write(connection: Connection, advance: Advance, now: int) -> Header:
    release = advance.header.release
    _check_version(connection, advance.header)
    exposed = _count_new(connection, release, EXPOSED, sorted(set(advance.exposed)))
    header = replace(
        advance.header,
        version=advance.header.version + 1,
        exposed_users=advance.header.exposed_users + exposed,
    )
    for batch in advance.batches:
        _write_batch(connection, release, batch, now)
    _put_state(connection, release, HEADER, header.to_json(), now, new=header.version == 1)
    return header


def counted(connection: Connection, release: Release, key: GroupKey, users: Collection[str]) -> Iterator[str]:
    """Those of `users` that were counted for (step, metric) before."""
    table = counted_users.c
    for some in _chunks(sorted(users)):
        query = select(table.user).where(_of(table, release, key), table.user.in_(some))
        yield from connection.execute(query).scalars()


def _check_version(connection: Connection, header: Header) -> None:
    release, table = header.release, evidence_state.c
    # Locks the row on Postgres until the commit; on SQLite the whole transaction is alone.
    query = select(table.state).where(_of(table, release, HEADER)).with_for_update()
    stored = connection.execute(query).scalar_one_or_none()
    version = int(stored["version"]) if stored is not None else 0
    if version != header.version:
        raise OutdatedError(f"release {release.number} of {release.name}: have {header.version}, stored {version}")


def _write_batch(connection: Connection, release: Release, batch: ClosedBatch, now: int) -> None:
    step, metric = batch.key
    mark = {"object_uid": release.uid, "release": release.number, "step": step, "metric": metric}
    rows = [
        mark
        | {
            "seq": batch.group.batch,
            "arm": entry.arm,
            "window_end": batch.totals.last_closed,
            "users": entry.users,
            "sums": entry.sums,
        }
        for entry in entries_of(batch.totals)
    ]
    connection.execute(insert(evidence_batches), rows)
    connection.execute(insert(counted_users), [mark | {"user": user} for user in batch.users])
    _put_state(connection, release, batch.key, batch.group.to_json(), now, new=batch.group.batch == 1)


def _count_new(connection: Connection, release: Release, key: GroupKey, users: Sequence[str]) -> int:
    known = set(counted(connection, release, key, users))
    step, metric = key
    mark = {"object_uid": release.uid, "release": release.number, "step": step, "metric": metric}
    rows = [mark | {"user": user} for user in users if user not in known]
    if rows:
        connection.execute(insert(counted_users), rows)
    return len(rows)


def _put_state(
    connection: Connection, release: Release, key: GroupKey, state: dict[str, Any], now: int, *, new: bool
) -> None:
    if new:
        mark = {"object_uid": release.uid, "release": release.number, "step": key[0], "metric": key[1]}
        connection.execute(insert(evidence_state).values(**mark, state=state, updated_at=now))
        return
    where = _of(evidence_state.c, release, key)
    connection.execute(update(evidence_state).where(where).values(state=state, updated_at=now))


def _of(table: Any, release: Release, key: GroupKey) -> Any:  # noqa: ANN401  a condition on either of two tables
    step, metric = key
    return and_(
        table.object_uid == release.uid, table.release == release.number, table.step == step, table.metric == metric
    )


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), IDS_AT_ONCE):
        yield values[start : start + IDS_AT_ONCE]
