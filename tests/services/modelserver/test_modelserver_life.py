"""A model server's life: verified before it loads, overloaded, draining, crashing, stuck."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from modelserver_process import INFER, START_SECONDS, modelserver, ready_modelserver, text_request
from polling import wait_until


def test_the_artifact_that_was_released_is_what_answers(tmp_path, artifact):
    with ready_modelserver(tmp_path, **artifact) as server:
        (value,) = server.infer(text_request("hi")).json()["outputs"][0]["data"]

    assert json.loads(value) == [{"value": "hi!"}]


def test_another_artifact_is_never_loaded_and_ends_the_process(tmp_path, artifact):
    (tmp_path / "artifact" / "suffix.txt").write_text("?")
    with modelserver(tmp_path, **artifact) as server:
        assert server.ended() == 1
    log = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    (refused,) = [line for line in log if line["event"] == "model not loaded"]

    assert refused["level"] == "error"
    assert "not the one that was asked for" in refused["reason"]
    assert artifact["model_digest"] in refused["reason"]
    assert not [line for line in log if line["event"] == "model loaded"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model_source": "s3://bucket/model"}, "other stores are not read yet"),
        ({"model_source": "file://elsewhere/model"}, "use file:///path"),
        ({"model_source": "file:///does/not/exist"}, "must be a directory"),
        ({"entrypoint": "model_entrypoints:absent"}, "cannot be imported"),
        ({"entrypoint": "no_such_module:load"}, "cannot be imported"),
        ({"entrypoint": "model_entrypoints:failing"}, "no weights"),
        ({"entrypoint": "model_entrypoints:nothing"}, "no method `predict`"),
        ({"entrypoint": "model_entrypoints:NOT_CALLABLE"}, "failed: TypeError"),
        ({"entrypoint": "model_entrypoints:wrong_signature"}, "wrong signature"),
        ({"runtime": "onnx"}, "one *.onnx file"),
    ],
)
def test_a_model_that_cannot_be_loaded_ends_the_process_with_the_reason(tmp_path, artifact, settings, words):
    with modelserver(tmp_path, **{**artifact, **settings}) as server:
        assert server.ended() == 1

    assert words in server.log.read_text()


def test_why_a_model_could_not_be_loaded_is_in_the_log_with_its_traceback(tmp_path):
    with modelserver(tmp_path, entrypoint="model_entrypoints:failing") as server:
        assert server.ended() == 1
    log = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    (failed,) = [line for line in log if line["event"] == "model not loaded"]

    assert 'raise RuntimeError("no weights")' in failed["exception"]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"component": ""}, "PAWL_COMPONENT"),
        ({"entrypoint": "no-colon"}, "PAWL_ENTRYPOINT"),
        ({"runtime": "torch"}, "PAWL_RUNTIME"),
        ({"runtime": "onnx"}, "PAWL_MODEL_SOURCE"),
        ({"model_source": "file:///x"}, "PAWL_MODEL_DIGEST"),
        ({"model_source": "file:///x", "model_digest": "sha256:12"}, "PAWL_MODEL_DIGEST"),
        ({"concurrency": "0"}, "PAWL_CONCURRENCY"),
        ({"collector_url": "collector"}, "PAWL_COLLECTOR_URL"),
    ],
)
def test_settings_that_are_wrong_are_named_before_anything_starts(tmp_path, settings, name):
    with modelserver(tmp_path, **settings) as server:
        assert server.ended() == 2

    assert name in server.log.read_text()


def test_a_drain_under_load_loses_no_request(tmp_path):
    outcomes: Counter[object] = Counter()
    stop = threading.Event()

    def ask(client: httpx.Client) -> None:
        while not stop.is_set():
            try:
                outcomes[client.post(INFER, json=text_request("hello")).status_code] += 1
            except httpx.HTTPError as error:
                outcomes[type(error).__name__] += 1

    def answered() -> int:
        return sum(outcomes.values())

    with ready_modelserver(tmp_path, entrypoint="model_entrypoints:slow", drain_seconds="5s") as server:
        with server.client() as client, ThreadPoolExecutor(8) as users:
            for _ in range(8):
                users.submit(ask, client)
            wait_until(lambda: answered() >= 16, START_SECONDS)
            server.terminate()
            # A gateway goes on sending until it has seen that the server is not ready any more, and a little longer.
            wait_until(lambda: server.get("/v2/health/ready").status_code == 503, START_SECONDS)
            before = answered()
            wait_until(lambda: answered() >= before + 8, START_SECONDS)
            assert server.get("/livez").status_code == 200
            assert server.infer(text_request("late")).headers["connection"] == "close"
            stop.set()
        assert server.ended() == 0

    assert set(outcomes) == {200}


def test_past_thread_and_queue_requests_are_refused_at_once_and_later_ones_answered(tmp_path):
    settings = {"entrypoint": "model_entrypoints:slow", "concurrency": "1", "queue": "2"}
    with ready_modelserver(tmp_path, **settings) as server:
        with ThreadPoolExecutor(12) as users:
            answers = list(users.map(lambda _: server.infer(text_request("x")), range(12)))
        refused = [answer for answer in answers if answer.status_code == 503]

        assert {answer.status_code for answer in answers} == {200, 503}
        assert len(answers) - len(refused) >= 3
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert all("queue is full" in answer.json()["error"] for answer in refused)
        assert server.infer(text_request("x")).status_code == 200
        assert server.metric("pawl_modelserver_requests_total{") == 13


def test_an_answer_that_takes_too_long_is_given_up_and_a_stuck_model_is_not_alive(tmp_path):
    limits = {"answer_seconds": "200ms", "stuck_seconds": "400ms", "concurrency": "2"}
    with ready_modelserver(tmp_path, entrypoint="model_entrypoints:gated", **limits) as server:
        answer = server.infer(text_request("hang"))

        assert answer.status_code == 504
        assert server.infer(text_request("other")).status_code == 200, "the other thread is free"
        wait_until(lambda: server.get("/livez").status_code == 503, START_SECONDS)
        assert "has been running" in server.get("/livez").json()["detail"]
        server.terminate()
        assert server.ended() == 0, "a stuck thread does not hold up the end"


def test_a_model_that_ends_the_process_ends_it_at_once(tmp_path):
    with ready_modelserver(tmp_path, entrypoint="model_entrypoints:exiting") as server:
        assert server.infer(text_request("hello")).status_code == 200
        with pytest.raises(httpx.HTTPError):
            server.infer(text_request("exit"))
        assert server.ended() == 7


@pytest.mark.parametrize(("do", "word"), [("raise", "ValueError"), ("mix", "mixes types"), ("ragged", "no tensors")])
def test_a_model_that_fails_is_a_500_without_its_words(tmp_path_factory, undeclared, do, word):
    answer = undeclared.infer({"inputs": [{"name": "do", "shape": [1], "datatype": "BYTES", "data": [do]}]})

    assert answer.status_code == 500
    assert word in answer.json()["error"]
    assert "secret" not in answer.text


def test_why_a_model_failed_is_in_the_log_with_its_traceback_and_without_the_request(tmp_path):
    do = [{"name": "do", "shape": [1], "datatype": "BYTES", "data": ["raise"]}]
    other = {"name": "other", "shape": [1], "datatype": "BYTES", "data": ["words that a user sent"]}
    with ready_modelserver(tmp_path, entrypoint="model_entrypoints:undeclared") as server:
        for _ in range(3):
            assert server.infer({"inputs": [*do, other]}).status_code == 500
    log = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    (failed,) = [line for line in log if line["event"] == "prediction failed"]

    assert (failed["level"], failed["error"]) == ("error", "ValueError")
    assert "model_entrypoints.py" in failed["exception"]
    assert "ValueError: a secret of the user" in failed["exception"], "what the model's author wrote"
    assert "words that a user sent" not in server.log.read_text()


@pytest.mark.parametrize(
    ("shape", "datatype", "data", "expected"),
    [
        ([2], "BYTES", ["a", "b"], ("BYTES", [2], ["a", "b"])),
        ([2, 1], "FP64", [1.5, 2.5], ("FP64", [2, 1], [1.5, 2.5])),
        ([1, 2], "INT8", [1, 2], ("INT64", [1, 2], [1, 2])),
        ([1], "BOOL", [True], ("BOOL", [1], [True])),
    ],
)
def test_a_model_without_declared_tensors_takes_and_gives_any(undeclared, shape, datatype, data, expected):
    given = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    (output,) = undeclared.infer({"inputs": [given]}).json()["outputs"]

    assert (output["datatype"], output["shape"], output["data"]) == expected


def test_a_body_past_the_limit_is_refused(tmp_path):
    with ready_modelserver(tmp_path, max_body_bytes="2000") as server:
        assert server.infer(text_request("x" * 1000)).status_code == 200
        assert server.infer(text_request("x" * 3000)).status_code == 413


def test_metrics_tell_component_and_revision(echo):
    echo.infer(text_request("one"))
    echo.infer({})
    labels = 'component="fact-extraction",revision="0123456789"'

    assert echo.metric(f'pawl_modelserver_requests_total{{code="200",{labels}}}') >= 1
    assert echo.metric(f'pawl_modelserver_requests_total{{code="400",{labels}}}') >= 1
    assert echo.metric(f"pawl_modelserver_request_seconds_count{{{labels}}}") >= 2
    assert echo.metric(f"pawl_modelserver_loaded{{{labels}}}") == 1
    assert echo.metric("process_resident_memory_bytes") > 1e6


@pytest.fixture(scope="module")
def undeclared(tmp_path_factory):
    with ready_modelserver(tmp_path_factory.mktemp("any"), entrypoint="model_entrypoints:undeclared") as server:
        yield server
