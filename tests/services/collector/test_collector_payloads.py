"""Any JSON value comes back as it was sent, or is refused with the reason; nothing is silently changed."""

import json
import math
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import interaction

from pawl_services.db.reader import interactions_of

# What JSON can say: text without lone surrogates, numbers that are finite. U+0000 is refused, so it is left out here.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
RUNS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = {"Content-Type": "application/json"}


def same(left: object, right: object) -> bool:
    """Equal in value and in type: 1, 1.0 and true are three values."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@RUNS
@given(value=VALUES, answer=VALUES, ascii_only=st.booleans())
def test_any_value_comes_back_as_sent(tenant, value: object, answer: object, ascii_only: bool):
    sent = interaction(input=value, output=answer, metadata={"value": value})
    body = json.dumps(sent, ensure_ascii=ascii_only).encode()
    reply = tenant.client.post("/v1/interactions", content=body, headers=JSON)
    assert reply.status_code == 200, reply.text
    with tenant.database.read() as connection:
        (found,) = interactions_of(connection, tenant.name, [sent["id"]])
    assert same(found.input, value)
    assert same(found.output, answer)


@RUNS
@given(user=TEXT.filter(bool), session=TEXT)
def test_any_text_may_name_a_person(tenant, user: str, session: str):
    sent = interaction(user=user, session=session)
    assert tenant.client.post("/v1/interactions", json=sent).status_code == 200
    with tenant.database.read() as connection:
        (found,) = interactions_of(connection, tenant.name, [sent["id"]])
    assert found.session == session
    assert all(digit in "0123456789abcdef" for digit in found.user)


@RUNS
@given(body=st.binary(max_size=200))
def test_no_bytes_break_it(tenant, body: bytes):
    reply = tenant.client.post("/v1/interactions", content=body, headers=JSON)
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("place", ["output", "confidence", "latencyMs"])
def test_a_number_that_is_not_finite_is_refused(tenant, number: str, place: str):
    body = json.dumps(interaction(**{place: "PLACE"})).replace('"PLACE"', number)
    reply = tenant.client.post("/v1/interactions", content=body.encode(), headers=JSON)
    assert reply.status_code == 422, reply.text
    assert place in reply.json()["field"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "\\u0000", {"NaN": "-Infinity"}, "a\\\\u0000b"])
def test_texts_that_only_look_like_trouble_are_stored(tenant, value: object):
    sent = interaction(output=value)
    assert tenant.client.post("/v1/interactions", json=sent).status_code == 200
    with tenant.database.read() as connection:
        (found,) = interactions_of(connection, tenant.name, [sent["id"]])
    assert same(found.output, value)


@pytest.mark.parametrize("value", [["a", {"b": "c\x00"}], {"k\x00": 1}, "\x00"])
def test_the_null_character_is_refused_wherever_it_is(tenant, value: object):
    reply = tenant.client.post("/v1/interactions", json=interaction(input=value))
    assert reply.status_code == 422
    assert "U+0000" in reply.json()["detail"]


@pytest.mark.parametrize(
    "value", ['"\\ud800"', '{"a":"\\udfff"}', "1" * 5000, "[" * 5000 + "]" * 5000, '{"a":1', "tru"]
)
def test_what_is_not_json_is_refused(tenant, value: str):
    body = json.dumps(interaction(output="PLACE")).replace('"PLACE"', value)
    reply = tenant.client.post("/v1/interactions", content=body.encode(), headers=JSON)
    assert reply.status_code == 422
    assert len(reply.content) < 5000


def test_numbers_keep_every_digit(tenant):
    sent = interaction(output=[2**63, -(2**70), 0.1, 1e-320, 123456789012345678901234567890, math.pi])
    assert tenant.client.post("/v1/interactions", json=sent).status_code == 200
    with tenant.database.read() as connection:
        (found,) = interactions_of(connection, tenant.name, [sent["id"]])
    assert same(found.output, sent["output"])


def test_a_number_alone_is_a_value(tenant):
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for identity, value in zip(ids, (10**30, "12345678901234567890123", None), strict=True):
        assert tenant.client.post("/v1/interactions", json=interaction(id=identity, output=value)).status_code == 200
    with tenant.database.read() as connection:
        found = {item.id: item.output for item in interactions_of(connection, tenant.name, ids)}
    assert [found[identity] for identity in ids] == [10**30, "12345678901234567890123", None]
