"""Answers to test examples: the new model's by the code that serves it, the champion's over its protocol."""

import json

import httpx
import pytest

from pawl.errors import DependencyUnavailable
from pawl_trainers.harness.predictions import BATCH, ServedModel, answers_of_model
from pawl_trainers.harness.retries import Patience
from pawl_trainers.serving import rules
from pawl_trainers.trainer import TrainingError

TEXTS = [f"I am {age} years old" for age in range(20, 20 + 2 * BATCH + 1)]
FACT = [{"slot": "AGE", "start": 5, "end": 7, "value": "20"}]


def _served(handle):
    patience = Patience(attempts=3, sleep=lambda seconds: None)
    return ServedModel("http://m/v2/models/facts", patience=patience, transport=httpx.MockTransport(handle))


def _answer(data):
    return httpx.Response(200, json={"outputs": [{"name": "facts", "datatype": "BYTES", "shape": [1], "data": data}]})


def test_the_new_model_answers_by_the_code_that_serves_it(tmp_path):
    rules.write(tmp_path)
    seen = []
    answers = answers_of_model(tmp_path, TEXTS, seen.append)

    assert answers[0] == FACT
    assert len(answers) == len(TEXTS)
    assert seen == [BATCH / len(TEXTS), 2 * BATCH / len(TEXTS), 1.0]


def test_the_champion_is_asked_in_batches_and_in_order():
    asked = []

    def handle(request):
        (tensor,) = json.loads(request.content)["inputs"]
        asked.append((request.url.path, tensor["shape"]))
        return _answer([json.dumps([text]) for text in tensor["data"]])

    assert _served(handle).answers(TEXTS, lambda part: None) == [[text] for text in TEXTS]
    assert asked == [("/v2/models/facts/infer", [size]) for size in (BATCH, BATCH, 1)]


def test_an_outage_of_the_champion_is_waited_for_and_then_told():
    answers = [httpx.Response(503), httpx.ConnectError("no"), _answer(["[]"])]

    def handle(request):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert _served(handle).answers(TEXTS[:1], lambda part: None) == [[]]
    with pytest.raises(DependencyUnavailable, match="the champion answered 503"):
        _served(lambda request: httpx.Response(503)).answers(TEXTS[:1], lambda part: None)


def test_what_the_champion_writes_that_is_no_json_is_left_to_the_score():
    assert _served(lambda request: _answer(["sorry"])).answers(TEXTS[:1], lambda part: None) == ["sorry"]


@pytest.mark.parametrize("body", [{}, {"outputs": []}, {"outputs": [{"name": "facts", "data": []}]}, {"outputs": 1}])
def test_an_answer_without_the_tensor_is_refused(body):
    with pytest.raises(TrainingError):
        _served(lambda request: httpx.Response(200, json=body)).answers(TEXTS[:1], lambda part: None)
