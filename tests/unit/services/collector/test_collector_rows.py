"""Rows match the tables they go to; times and JSON texts are exact."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl_services.collector.records import json_text, micros
from pawl_services.db.rows import TABLES, Row, columns_of, key_of
from pawl_services.web.problem import ProblemError


@pytest.mark.parametrize("kind", list(TABLES))
def test_a_row_has_the_columns_of_its_table_but_the_receive_time(kind: type[Row]):
    table = TABLES[kind]
    assert set(columns_of(kind)) == {column.name for column in table.columns} - {"received_at"}
    assert [columns_of(kind)[place] for place in key_of(kind)] == [column.name for column in table.primary_key]


@given(st.datetimes(timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))))
def test_a_time_keeps_every_microsecond(aware: datetime):
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros(aware)) == aware


def test_a_known_time():
    assert micros(datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)) == 1_795_428_000_123_456


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "é\n"]}, "NaN", [], 10**30])
def test_a_json_text_is_the_value(value: object):
    assert json.loads(json_text(value, "input")) == value


@pytest.mark.parametrize(
    "value", [float("nan"), [float("inf")], {"a": {"b": [-float("inf")]}}, "\x00", {"\x00": 1}, ["x" * 2**20]]
)
def test_what_cannot_be_stored_is_refused_by_name(value: object):
    with pytest.raises(ProblemError) as refused:
        json_text(value, "interactions[3].input")
    assert refused.value.problem.status == 422
    assert refused.value.problem.field == "interactions[3].input"
