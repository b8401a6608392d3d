"""The OpenFeature protocol, spoken by hand and by the stock provider for Python."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from assigner_objects import arm, assigning, assignment
from assigner_process import LIMITED_TOKEN, OTHER_TOKEN, TOKEN, AssignerProcess, assigner_process
from fake_watch import FakeWatch, watched
from openfeature import api as openfeature
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from polling import wait_until

from pawl.assignment import fine_bucket

WAIT = 60
KEY = assignment()["key"]
NARROW = [arm("treatment", 0, 4000), arm("control", 4000, 8000, "a")]
USERS = [f"user-{number}" for number in range(60)]


@pytest.fixture(scope="module")
def assigner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AssignerProcess]:
    """One process for the file: `facts` is asked about, for four fifths of the users; `trust` is not."""
    home: Path = tmp_path_factory.mktemp("assigner")
    kube = FakeWatch()
    kube.put(assigning(assigned=assignment(ranges=NARROW)))
    kube.put(assigning(name="trust", component="trust"))
    with watched(kube) as api, assigner_process(api, home) as running:
        wait_until(running.ready, WAIT, running.log.read_text)
        yield running


def ask(assigner: AssignerProcess, key: str, body: Any, token: str = TOKEN, **headers: str) -> httpx.Response:
    """One evaluation, or all with an empty key; `body` as it is when it is bytes."""
    url = f"/ofrep/v1/evaluate/flags{'/' if key else ''}{key}"
    headers |= {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} if token else {}
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    return assigner.http.post(url, headers=headers, **content)


def of(user: object) -> dict[str, Any]:
    return {"context": {"targetingKey": user}}


def variant(user: str) -> str | None:
    bucket = fine_bucket(user, KEY)
    return "treatment" if bucket < 4000 else "control" if bucket < 8000 else None


def test_a_flag_is_a_component_and_its_value_the_variant(assigner: AssignerProcess) -> None:
    for user in USERS:
        answer = ask(assigner, "facts", of(user))
        found = variant(user)
        assert answer.status_code == 200
        if found is None:
            assert answer.json() == {"key": "facts", "reason": "DEFAULT", "variant": "stable"}
            continue
        revision = ("b" if found == "treatment" else "a") * 10
        assert answer.json() == {
            "key": "facts",
            "reason": "SPLIT",
            "variant": found,
            "value": found,
            "metadata": {"experiment": "better-facts", "revision": revision},
        }
    assert {variant(user) for user in USERS} == {"treatment", "control", None}


def test_the_flag_says_what_the_gateway_gets(assigner: AssignerProcess) -> None:
    for user in USERS:
        header = assigner.variant(user)
        assert (header.removeprefix("0a1b2c3d-") if header else None) == ask(assigner, "facts", of(user)).json().get(
            "value"
        )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b"[" * 50_000, "PARSE_ERROR"),
        (b"[]", "INVALID_CONTEXT"),
        ({"context": []}, "INVALID_CONTEXT"),
        (of(7), "INVALID_CONTEXT"),
        (of(["user"]), "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "\\ud800"}}', "INVALID_CONTEXT"),
        (b"", "TARGETING_KEY_MISSING"),
        ({}, "TARGETING_KEY_MISSING"),
        ({"context": {}}, "TARGETING_KEY_MISSING"),
        (of(""), "TARGETING_KEY_MISSING"),
        (of(None), "TARGETING_KEY_MISSING"),
    ],
)
def test_what_cannot_be_used_is_named_by_the_protocols_words(assigner: AssignerProcess, body: Any, code: str) -> None:
    one, every = ask(assigner, "facts", body), ask(assigner, "", body)
    assert (one.status_code, every.status_code) == (400, 400)
    assert (one.json()["key"], one.json()["errorCode"], every.json()["errorCode"]) == ("facts", code, code)
    assert one.json()["errorDetails"]


def test_a_key_opens_its_namespace_only(assigner: AssignerProcess) -> None:
    unknown = ask(assigner, "none", of("u"))
    assert (unknown.status_code, unknown.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")
    assert ask(assigner, "facts", of("u"), OTHER_TOKEN).status_code == 404
    assert ask(assigner, "facts", of("u"), "wrong").status_code == 401
    assert ask(assigner, "facts", of("u"), "").status_code == 401
    assert ask(assigner, "", of("u"), "wrong").status_code == 401
    assert ask(assigner, "facts", of("u"), LIMITED_TOKEN).status_code == 404
    assert ask(assigner, "trust", of("u"), LIMITED_TOKEN).status_code == 200
    assert [flag["key"] for flag in ask(assigner, "", of("u"), LIMITED_TOKEN).json()["flags"]] == ["trust"]
    assert ask(assigner, "", of("u"), OTHER_TOKEN).json() == {"flags": []}


def test_a_body_that_is_too_large_is_refused(assigner: AssignerProcess) -> None:
    assert ask(assigner, "facts", of("u" * 100_000)).status_code == 413


def test_all_flags_at_once_and_an_etag_by_which_nothing_is_sent_twice(assigner: AssignerProcess) -> None:
    user, other = (next(user for user in USERS if variant(user) == name) for name in ("treatment", "control"))
    first = ask(assigner, "", of(user))
    assert [(flag["key"], flag["reason"]) for flag in first.json()["flags"]] == [
        ("facts", "SPLIT"),
        ("trust", "DEFAULT"),
    ]
    etag = first.headers["etag"]
    for sent in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = ask(assigner, "", of(user), **{"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    # A client sends its last tag again after its context has changed.
    changed = ask(assigner, "", of(other), **{"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.json()["flags"][0]["value"] == "control"


@pytest.fixture
def client(assigner: AssignerProcess) -> Iterator[OpenFeatureClient]:
    """The stock SDK with the stock provider."""
    provider = OFREPProvider(
        assigner.address, headers_factory=lambda: {"Authorization": f"Bearer {TOKEN}"}, timeout=float(WAIT)
    )
    openfeature.set_provider(provider)
    yield openfeature.get_client()
    openfeature.shutdown()
    provider.session.close()


def test_the_stock_provider_resolves_every_user(client: OpenFeatureClient) -> None:
    for user in USERS:
        details = client.get_string_details("facts", "mine", EvaluationContext(user, {"plan": "pro"}))
        assert details.error_code is None, details.error_message
        found = variant(user)
        assert details.value == (found or "mine")
        assert details.reason == (Reason.SPLIT if found else Reason.DEFAULT)
        assert details.variant == (found or "stable")
        assert details.flag_metadata.get("experiment") == ("better-facts" if found else None)


def test_the_stock_provider_falls_back_to_the_applications_default(client: OpenFeatureClient) -> None:
    def code(key: str, context: EvaluationContext | None) -> ErrorCode | None:
        details = client.get_string_details(key, "mine", context)
        assert details.value == "mine"
        return details.error_code

    assert code("none", EvaluationContext("user-1")) == ErrorCode.FLAG_NOT_FOUND
    assert code("facts", EvaluationContext()) == ErrorCode.TARGETING_KEY_MISSING
    assert code("facts", None) == ErrorCode.TARGETING_KEY_MISSING
    assert code("trust", EvaluationContext("user-1")) is None
    treated = next(user for user in USERS if variant(user))
    details = client.get_boolean_details("facts", False, EvaluationContext(treated))
    assert (details.value, details.error_code) == (False, ErrorCode.TYPE_MISMATCH)
