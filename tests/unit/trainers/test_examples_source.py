"""Reading examples: whole or not at all, within bounds, tried again where trying again can help."""

import json
import random
from dataclasses import replace

import httpx
import pytest
from training_samples import plan, plan_document, samples

from pawl.errors import DependencyUnavailable, PermissionDenied
from pawl_trainers.harness.examples_source import UNTIL, ExamplesSource
from pawl_trainers.harness.retries import Patience, patiently
from pawl_trainers.trainer import TrainingError

UNTIL_HEADER = {UNTIL: plan_document()["dataset"]["until"]}


def _line(example, **changes):
    row = {"interaction": example.row_id, "user": example.person, "time": example.time.isoformat()}
    row |= {"labelledAt": example.time.isoformat(), "input": example.input, "output": [], "truth": example.truth}
    return json.dumps(row | {"kind": "correction", "revision": None} | changes).encode() + b"\n"


BODY = b"".join(_line(example) for example in samples(2))


class _Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, **changes):
        made = Patience(sleep=self.sleep, clock=lambda: self.now, chance=random.Random(1))
        return replace(made, **changes)


def _source(tmp_path, *answers, **changes):
    """A source whose collector gives these answers, the last one for ever; and the requests it was sent."""
    token, asked, left = tmp_path / "token", [], list(answers)
    token.write_text("secret\n")

    def handle(request):
        asked.append(request)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    time = _Time()
    settings = {"patience": time.patience(), "transport": httpx.MockTransport(handle)} | changes
    return ExamplesSource("http://collector", token, **settings), asked, time


def _ok(body=BODY, headers=UNTIL_HEADER):
    return lambda: httpx.Response(200, content=body, headers=headers)


def test_it_asks_for_the_window_with_the_key_and_returns_each_interaction_once(tmp_path):
    source, asked, _ = _source(tmp_path, _ok(BODY + BODY[: BODY.index(b"\n") + 1]))
    found = source.read(plan())

    assert found == samples(2)
    assert asked[0].headers["authorization"] == "Bearer secret"
    assert dict(asked[0].url.params) == {
        "component": "fact-extraction",
        "labels": "correction:Given,confirmation:Shown",
        "until": "2026-11-21T00:00:00+00:00",
    }


def test_it_asks_again_after_an_outage_with_growing_waits(tmp_path):
    outage = httpx.Response(503, text="busy")
    source, asked, time = _source(tmp_path, outage, httpx.ConnectError("refused"), outage, _ok())

    assert len(source.read(plan())) == len(samples(2))
    assert len(asked) == 4
    assert all(slept <= limit for slept, limit in zip(time.slept, (1, 2, 4), strict=True))


def test_it_gives_up_with_what_was_said_last(tmp_path):
    source, asked, _ = _source(tmp_path, httpx.Response(503, text="the database is down"))

    with pytest.raises(DependencyUnavailable, match="the database is down"):
        source.read(plan())
    assert len(asked) == 6


class _Breaks(httpx.SyncByteStream):
    def __iter__(self):
        yield BODY[:100]
        raise httpx.RemoteProtocolError("peer closed connection")


def test_a_stream_that_breaks_off_is_read_again_from_its_beginning(tmp_path):
    source, asked, _ = _source(tmp_path, lambda: httpx.Response(200, stream=_Breaks(), headers=UNTIL_HEADER), _ok())

    assert source.read(plan()) == samples(2)
    assert len(asked) == 2


@pytest.mark.parametrize("headers", [{}, {UNTIL: "2026-11-20T23:59:59+00:00"}])
def test_a_window_that_is_not_over_for_the_database_is_waited_for(tmp_path, headers):
    source, asked, _ = _source(tmp_path, _ok(headers=headers), _ok())

    assert source.read(plan()) == samples(2)
    assert len(asked) == 2


def test_no_dataset_outgrows_its_bound(tmp_path):
    source, asked, _ = _source(tmp_path, _ok(), max_bytes=200)

    with pytest.raises(TrainingError, match=r"set a shorter dataset\.window"):
        source.read(plan())
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(401, PermissionDenied), (403, PermissionDenied), (404, TrainingError), (422, TrainingError)]
)
def test_what_trying_again_cannot_help_is_told_at_once(tmp_path, status, kind):
    source, asked, _ = _source(tmp_path, httpx.Response(status, text="no"))

    with pytest.raises(kind, match=f"answered {status}: no"):
        source.read(plan())
    assert len(asked) == 1


@pytest.mark.parametrize(
    "line", [b"{\n", b"[]\n", b'"x"\n', _line(samples(1)[0], time="2026-11-01T00:00:00"), b'{"interaction": 1}\n']
)
def test_a_line_of_another_form_is_refused(tmp_path, line):
    source, _, _ = _source(tmp_path, _ok(BODY + line))

    with pytest.raises(TrainingError, match="one release"):
        source.read(plan())


def test_a_deadline_ends_slow_answers_and_slow_waits(tmp_path):
    time = _Time()

    class Slow(httpx.SyncByteStream):
        def __iter__(self):
            while True:
                time.now += 100
                yield b"\n"

    slow = httpx.MockTransport(lambda request: httpx.Response(200, stream=Slow(), headers=UNTIL_HEADER))
    source, _, _ = _source(tmp_path, _ok(), transport=slow, patience=time.patience())

    with pytest.raises(DependencyUnavailable, match="not done in time"):
        source.read(plan())
    assert time.now <= 1100


def test_patience_never_waits_past_its_end():
    time = _Time()

    def fail(deadline):
        time.now += 4
        raise DependencyUnavailable("no")

    with pytest.raises(DependencyUnavailable):
        patiently(fail, time.patience(attempts=1000, seconds=20.0, first=1.0))
    assert time.now <= 24
