"""Requests are let in within bounds of count and bytes, log lines within one of time."""

import json
from contextlib import ExitStack

import pytest
import structlog

from pawl_services.web.admission import Admission, FullError, most_bytes
from pawl_services.web.health import Health, failures
from pawl_services.web.logs import MAX_KEYS, Sparingly


def test_no_more_requests_than_places():
    admission = Admission(2, 1000)
    with ExitStack() as inside:
        inside.enter_context(admission.place(1))
        inside.enter_context(admission.place(1))
        with pytest.raises(FullError, match="too many requests"), admission.place(0):
            pass
    with admission.place(1):
        assert admission.body_bytes == 1
    assert admission.body_bytes == 0


def test_all_bodies_share_one_bound_of_bytes():
    admission = Admission(10, 100)
    with admission.place(60) as place:
        with pytest.raises(FullError, match="bodies"), admission.place(41):
            pass
        admission.settle(place, 10)
        with admission.place(41), admission.place(49):
            assert admission.body_bytes == 100
    assert admission.body_bytes == 0


def test_a_body_past_the_bound_is_let_in_alone():
    admission = Admission(10, 100)
    with admission.place(101), pytest.raises(FullError), admission.place(1):
        pass
    with admission.place(0), admission.place(101):
        pass


def test_copies_have_their_share_of_both_bounds():
    admission = Admission(4, 100)
    with admission.place(40):
        with pytest.raises(FullError), admission.place(20, 0.5):
            pass
        with admission.place(20):
            assert admission.body_bytes == 60
            with pytest.raises(FullError), admission.place(0, 0.5):
                pass
    with Admission(1, 100).place(10, 0.5):
        pass


def test_an_error_inside_gives_the_place_back():
    admission = Admission(1, 100)
    with pytest.raises(KeyError), admission.place(50):
        raise KeyError
    assert admission.body_bytes == 0
    with admission.place(100):
        pass


@pytest.mark.parametrize(
    ("headers", "most"),
    [
        ({"content-length": "7"}, 7),
        ({"content-length": "700"}, 100),
        ({"content-length": "7", "content-encoding": "identity"}, 7),
        ({"content-length": "7", "content-encoding": "gzip"}, 100),
        ({"content-length": "-7"}, 100),
        ({"transfer-encoding": "chunked"}, 100),
        ({}, 100),
    ],
)
def test_a_body_of_unknown_size_is_taken_for_the_largest(headers: dict[str, str], most: int):
    assert most_bytes(headers, 100) == most


def test_one_line_for_each_key_passes_in_the_time_and_tells_how_many_were_held_back():
    now = 100.0
    sparingly = Sparingly(10.0, lambda: now)
    assert [sparingly.passes("a") for _ in range(4)] == [0, None, None, None]
    assert sparingly.passes("b") == 0
    now = 110.0
    assert [sparingly.passes("a"), sparingly.passes("a"), sparingly.passes("b")] == [3, None, 0]
    now = 120.0
    assert sparingly.passes("a") == 1


def test_keys_without_end_are_counted_as_one():
    sparingly = Sparingly(10.0, lambda: 0.0)
    passed = [sparingly.passes(str(number)) for number in range(3 * MAX_KEYS)]
    assert passed.count(0) == MAX_KEYS + 1
    assert sparingly.passes("0") is None


async def test_why_a_check_broke_is_in_the_log_and_only_its_type_in_the_answer():
    def broken() -> str | None:
        raise RuntimeError("disk of node-7 is gone")

    with structlog.testing.capture_logs() as lines:
        wrong = await failures(Health(ready={"volume": broken}).ready)
        await failures({"volume": broken})
    assert wrong == {"volume": "RuntimeError while checking"}
    (line,) = lines
    assert (line["event"], line["check"], str(line["exc_info"])) == ("check failed", "volume", "disk of node-7 is gone")
    assert json.dumps(wrong)
