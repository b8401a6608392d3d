"""Mirrored answers: recognised by their host, shaped as an application would log them, sent or counted as dropped."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import httpx
import pytest
from async_polling import eventually
from prometheus_client import CollectorRegistry

from pawl_services.modelserver import reporter
from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.mirror import (
    interaction_of,
    is_mirrored,
    prediction,
    reported_output,
)
from pawl_services.modelserver.reporter import PredictionReporter
from pawl_services.modelserver.settings import CollectorSettings
from pawl_services.modelserver.tensors import Tensor

ID = "018f2f6e-7d3a-7c10-9a55-0242ac120002"


class Receiver:
    """A collector that answers what the test says, in order, then 200; keeps what it was sent."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.batches: list[list[dict[str, object]]] = []
        self.keys: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/predictions"
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            raise httpx.ConnectError("refused")
        self.keys.append(request.headers.get("authorization"))
        if status == 200:
            self.batches.append(json.loads(request.content)["predictions"])
        return httpx.Response(status, json={})

    @property
    def received(self) -> list[object]:
        return [one["interaction"] for batch in self.batches for one in batch]


class Picky(Receiver):
    """Refuses every batch that holds the interaction `bad`."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        bad = b'"bad"' in request.content
        return httpx.Response(self.status, json={}) if bad else super().__call__(request)


class Setup:
    def __init__(self, receiver: Receiver, token_file=None) -> None:
        self.registry = CollectorRegistry()
        self.metrics = ModelMetrics.on(self.registry, "fact-extraction", "r1")
        client = httpx.AsyncClient(transport=httpx.MockTransport(receiver))
        self.reporter = PredictionReporter(CollectorSettings("http://collector", token_file), self.metrics, client)

    def dropped(self, reason: str) -> float:
        labels = {"component": "fact-extraction", "revision": "r1", "reason": reason}
        return self.registry.get_sample_value("pawl_modelserver_mirrored_dropped_total", labels) or 0.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(reporter, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(reporter, "FIRST_DELAY", 0.01)


@pytest.mark.parametrize(
    ("headers", "copy"),
    [
        ({"host": "facts.demo.internal"}, False),
        ({"host": "facts.demo.internal", "x-pawl-revision": "r1"}, False),
        ({"host": "facts.demo.internal", "x-pawl-revision": "r2"}, True),
        ({"host": "facts.demo.internal", "x-pawl-revision": "r1", "x-envoy-internal": "true"}, True),
        ({"host": "facts.demo.internal-shadow"}, True),
        ({"host": "facts.demo.internal-shadow:8080", "x-pawl-revision": "r1"}, True),
        ({"host": "shadow-facts:80"}, False),
        ({"host": "x-shadow.demo"}, False),
        ({}, False),
    ],
)
def test_a_copy_is_known_by_another_revisions_stamp_or_its_gateways_marks(headers, copy):
    assert is_mirrored(headers, "r1") is copy


@pytest.mark.parametrize(
    ("header", "found"), [(ID, ID), (ID.upper(), ID), (None, None), ("", None), ("no-uuid", None), ("1" * 5000, None)]
)
def test_only_a_uuid_names_an_interaction(header, found):
    assert interaction_of(header) == found


@pytest.mark.parametrize(
    ("outputs", "shown"),
    [
        ([Tensor("facts", "BYTES", (1,), ['[{"slot": "AGE"}]'])], [{"slot": "AGE"}]),
        ([Tensor("facts", "BYTES", (1,), ["[]"])], []),
        ([Tensor("facts", "BYTES", (1,), ["plain"])], "plain"),
        ([Tensor("facts", "BYTES", (1,), ["[not json"])], "[not json"),
        ([Tensor("facts", "BYTES", (1,), ["12"])], "12"),
        ([Tensor("facts", "BYTES", (1,), ["[NaN]"])], "[NaN]"),
        ([Tensor("facts", "BYTES", (1,), ["[" * 100_000])], "[" * 100_000),
        ([Tensor("p", "FP32", (1, 1), [0.5])], 0.5),
        ([Tensor("p", "FP32", (2,), [0.5, 0.1])], {"p": [0.5, 0.1]}),
        ([Tensor("a", "BYTES", (1,), ["{}"]), Tensor("b", "INT64", (1,), [1])], {"a": [{}], "b": [1]}),
    ],
)
def test_an_answer_is_reported_as_an_application_would_log_it(outputs, shown):
    assert reported_output(outputs) == shown


def test_a_prediction_has_the_collectors_fields():
    metrics = ModelMetrics.on(CollectorRegistry(), "fact-extraction", "r1")
    outputs = [Tensor("facts", "BYTES", (1,), ["[]"])]

    assert prediction(ID, metrics, outputs, 0.0125, datetime(2026, 11, 23, 10, tzinfo=UTC)) == {
        "interaction": ID,
        "component": "fact-extraction",
        "revision": "r1",
        "output": [],
        "latencyMs": 12.5,
        "time": "2026-11-23T10:00:00Z",
        "source": "Mirror",
    }


async def test_everything_queued_is_sent_once_in_batches_with_the_present_token(tmp_path):
    receiver = Receiver()
    token = tmp_path / "token"
    token.write_text("first\n")
    setup = Setup(receiver, token)
    setup.reporter.start()
    names = [str(uuid.uuid4()) for _ in range(1200)]
    for name in names[:1100]:
        setup.reporter.submit({"interaction": name})
    await eventually(lambda: len(receiver.received) == 1100)
    token.write_text("second")
    for name in names[1100:]:
        setup.reporter.submit({"interaction": name})
    await setup.reporter.close()

    assert receiver.received == names
    assert max(len(batch) for batch in receiver.batches) <= reporter.BATCH
    assert (receiver.keys[0], receiver.keys[-1]) == ("Bearer first", "Bearer second")


@pytest.mark.parametrize("failures", [(503,), (429, 500), (0, 0, 503)])
async def test_what_can_pass_by_is_tried_again(failures):
    receiver = Receiver(*failures)
    setup = Setup(receiver)
    setup.reporter.start()
    setup.reporter.submit({"interaction": ID})
    await setup.reporter.close()

    assert receiver.received == [ID]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [((422,), "refused"), ((401,), "refused"), ((0,) * 4, "unreachable"), ((503,) * 4, "unreachable")],
)
async def test_what_cannot_be_sent_is_dropped_and_counted_and_the_next_goes_on(answers, reason):
    receiver = Receiver(*answers)
    setup = Setup(receiver)
    setup.reporter.start()
    setup.reporter.submit({"interaction": "lost"})
    await eventually(lambda: setup.dropped(reason) == 1)
    setup.reporter.submit({"interaction": ID})
    await setup.reporter.close()

    assert receiver.received == [ID]


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_one_refused_prediction_costs_only_itself(status):
    receiver = Picky(status)
    setup = Setup(receiver)
    setup.reporter.start()
    for number in range(20):
        setup.reporter.submit({"interaction": "bad" if number == 7 else str(number)})
    await setup.reporter.close()

    assert sorted(receiver.received) == sorted({str(number) for number in range(20)} - {"7"})
    assert setup.dropped("refused") == 1


async def test_a_token_that_no_header_can_hold_is_dropped_and_the_next_goes_on(tmp_path):
    receiver = Receiver()
    token = tmp_path / "token"
    token.write_text("\u00e9")
    setup = Setup(receiver, token)
    setup.reporter.start()
    setup.reporter.submit({"interaction": "lost"})
    await eventually(lambda: setup.dropped("unreachable") == 1)
    token.write_text("right")
    setup.reporter.submit({"interaction": ID})
    await setup.reporter.close()

    assert receiver.received == [ID]


async def test_the_queue_is_bounded_in_bytes_and_free_again_once_they_are_sent():
    receiver = Receiver()
    setup = Setup(receiver)
    large = {"interaction": ID, "output": "x" * (reporter.QUEUE_BYTES // 3)}
    for _ in range(4):
        setup.reporter.submit(large)
    assert setup.dropped("queue") == 2
    setup.reporter.start()
    await eventually(lambda: len(receiver.received) == 2)
    setup.reporter.submit(large)
    await setup.reporter.close()

    assert len(receiver.received) == 3
    assert all(len(batch) == 1 for batch in receiver.batches), "a batch stays below what the collector takes"


async def test_a_full_queue_drops_at_once(monkeypatch):
    monkeypatch.setattr(reporter, "QUEUE", 3)
    setup = Setup(Receiver())
    for number in range(5):
        setup.reporter.submit({"interaction": str(number)})

    assert setup.dropped("queue") == 2


async def test_the_end_is_bounded_and_counts_what_is_left(monkeypatch):
    monkeypatch.setattr(reporter, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(reporter, "GATHER_SECONDS", 0)
    monkeypatch.setattr(reporter, "BATCH", 1)
    asked = asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    setup = Setup(Receiver())
    setup.reporter._client = httpx.AsyncClient(transport=httpx.MockTransport(never))
    setup.reporter.start()
    for number in range(3):
        setup.reporter.submit({"interaction": str(number)})
    await asked.wait()
    await setup.reporter.close()

    assert setup.dropped("ended") == 3
