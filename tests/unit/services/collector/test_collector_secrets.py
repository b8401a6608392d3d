"""Keys are compared by hash and read again when they change; people become pseudonyms nobody can enumerate."""

import hashlib
import hmac
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl_services.collector.pseudonym import PseudonymKeyError, Pseudonyms, read_pseudonyms
from pawl_services.web.auth import REREAD_SECONDS, ApiKeys, ApiKeysError, read_keys
from pawl_services.web.problem import ProblemError

KEY = bytes(range(32))


def write_keys(path: Path, tokens: dict[str, str]) -> None:
    entries = [{"sha256": hashlib.sha256(t.encode()).hexdigest(), "namespace": n} for t, n in tokens.items()]
    path.write_text(json.dumps({"keys": entries}))


def test_a_key_names_its_namespace(tmp_path: Path):
    path = tmp_path / "keys.json"
    write_keys(path, {"one": "a", "two": "b"})
    keys = ApiKeys(path)
    assert keys.caller("Bearer one").namespace == "a"
    assert keys.caller("bearer  two").namespace == "b"
    for header in (None, "", "one", "Basic one", "Bearer", "Bearer three", "Bearer " + "x" * 10_000):
        with pytest.raises(ProblemError) as refused:
            keys.caller(header)
        assert refused.value.problem.status == 401
        assert "one" not in json.dumps(refused.value.problem.body()).split()


def test_changed_keys_are_read_again_and_a_broken_file_changes_nothing(tmp_path: Path):
    path = tmp_path / "keys.json"
    now = 0.0
    write_keys(path, {"one": "a"})
    keys = ApiKeys(path, lambda: now)

    def change(text: str, stamp: int) -> None:
        nonlocal now
        path.write_text(text)
        os.utime(path, ns=(stamp, stamp))
        now += REREAD_SECONDS

    write_keys(path, {"two": "b"})
    change(path.read_text(), 10**18)
    assert keys.caller("Bearer two").namespace == "b"
    with pytest.raises(ProblemError):
        keys.caller("Bearer one")
    change("{", 10**18 + 1)
    assert keys.caller("Bearer two").namespace == "b"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"keys": 1}', '{"keys":[{"sha256":"secret","namespace":"a"}]}', '{"keys":[{"namespace":"a"}]}']
)
def test_a_keys_file_that_cannot_be_used_is_refused_without_repeating_it(tmp_path: Path, text: str):
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(ApiKeysError) as refused:
        read_keys(path)
    assert "secret" not in str(refused.value)


def test_no_keys_at_all_is_a_valid_file(tmp_path: Path):
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    assert read_keys(path) == ()


def test_a_pseudonym_is_a_keyed_hash_under_the_key_of_its_namespace():
    derived = hmac.new(KEY, b"pawl namespace demo", hashlib.sha256).digest()
    expected = hmac.new(derived, b"ada", hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms(KEY).of("demo", "ada") == expected


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_pseudonyms_differ_by_user_namespace_and_key(left: str, right: str):
    pseudonyms = Pseudonyms(KEY)
    assert (pseudonyms.of("a", left) == pseudonyms.of("a", right)) == (left == right)
    assert pseudonyms.of("a", left) != pseudonyms.of("b", left)
    assert pseudonyms.of("a", left) != Pseudonyms(bytes(32)).of("a", left)


def test_the_key_id_tells_keys_apart_and_not_the_key():
    ids = {Pseudonyms(bytes([number] * 32)).key_id for number in range(50)}
    assert len(ids) == 50
    assert KEY.hex()[:16] != Pseudonyms(KEY).key_id


@pytest.mark.parametrize("text", ["", "00" * 31, "zz" * 32, "00" * 33, "\u00e9" * 64])
def test_a_pseudonym_key_of_the_wrong_form_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(PseudonymKeyError, match="openssl rand"):
        read_pseudonyms(path)


def test_a_key_file_may_end_with_a_newline(tmp_path: Path):
    path = tmp_path / "key"
    path.write_text(KEY.hex() + "\n")
    assert read_pseudonyms(path).of("n", "u") == Pseudonyms(KEY).of("n", "u")
