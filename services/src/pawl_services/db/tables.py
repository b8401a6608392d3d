"""The tables, the same on SQLite and Postgres. Every time is UTC in whole microseconds since 1970 (BIGINT).

BIGINT and not timestamptz: SQLite has no time type, so one integer form keeps values, order and arithmetic equal
on both. Identifiers of interactions and feedback are UUIDs in canonical lower-case text (`uuid` on Postgres).
JSON columns are read and written as Python objects; on Postgres their type is `json`, which keeps the text as
sent and, unlike `jsonb`, is not parsed on insert. A null JSON column is SQL NULL.
"""

import json
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Dialect, Double, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

METADATA = MetaData()


class _JsonAsText(TypeDecorator[Any]):
    """JSON in a TEXT column: a SQLite column declared JSON has numeric affinity and would change large numbers."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, allow_nan=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:
        return None if value is None else json.loads(value)


_JSON = JSON(none_as_null=True).with_variant(_JsonAsText(), "sqlite")
_UUID = String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def _required(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], *, key: bool = False) -> Column[Any]:
    return Column(name, kind, primary_key=key, nullable=False)


interactions = Table(
    "interactions",
    METADATA,
    _required("namespace", String(63), key=True),
    _required("id", _UUID, key=True),
    _required("component", String(253)),
    _required("user", String(32)),
    _required("key_id", String(16)),
    _required("time", BigInteger),
    _required("received_at", BigInteger),
    _required("input", _JSON),
    _required("output", _JSON),
    Column("latency_ms", Double),
    Column("revision", String(63)),
    Column("arm", String(63)),
    Column("rollout", String(63), comment="uid of the Rollout whose route answered"),
    Column("release", Integer),
    Column("step", Integer),
    Column("confidence", Double),
    Column("session", String(255)),
    Column("raw", _JSON, comment="what no other column holds, for example {metadata: {...}}"),
    Index("interactions_received", "namespace", "component", "received_at"),
)

predictions = Table(
    "predictions",
    METADATA,
    _required("namespace", String(63), key=True),
    _required("interaction", _UUID, key=True),
    _required("component", String(253), key=True),
    _required("revision", String(63), key=True),
    _required("source", String(16), key=True),
    Column("arm", String(63)),
    _required("output", _JSON),
    Column("confidence", Double),
    Column("latency_ms", Double),
    _required("time", BigInteger),
    _required("received_at", BigInteger),
    Index("predictions_received", "namespace", "component", "received_at"),
)

feedback = Table(
    "feedback",
    METADATA,
    _required("namespace", String(63), key=True),
    _required("id", _UUID, key=True),
    _required("interaction", _UUID),
    _required("kind", String(32)),
    _required("time", BigInteger),
    _required("received_at", BigInteger),
    _required("value", _JSON),
    Index("feedback_interaction", "namespace", "interaction"),
    Index("feedback_received", "namespace", "received_at"),
)

receive_clock = Table(
    "receive_clock",
    METADATA,
    Column("name", String(16), primary_key=True, comment="always 'watermark'"),
    _required("value", BigInteger),
    comment="the last watermark given to a reader; no row may later be stamped at or below it",
)

evidence_batches = Table(
    "evidence_batches",
    METADATA,
    _required("object_uid", String(64), key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    _required("metric", String(128), key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _required("arm", String(63), key=True),
    _required("window_end", BigInteger),
    _required("users", Integer),
    _required("sums", _JSON),
    comment="append-only: late labels, corrections and erasure never rewrite a closed batch",
)

evidence_state = Table(
    "evidence_state",
    METADATA,
    _required("object_uid", String(64), key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    _required("metric", String(128), key=True),
    _required("state", _JSON),
    _required("updated_at", BigInteger),
)

counted_users = Table(
    "counted_users",
    METADATA,
    _required("object_uid", String(64), key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    _required("metric", String(128), key=True),
    _required("user", String(32), key=True),
)
