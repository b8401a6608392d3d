"""Reading an assignment: the arm is the one that anybody can compute, and what cannot be read assigns nobody."""

from typing import Any

import pytest
from assigner_objects import arm, assigning, assignment
from hypothesis import given
from hypothesis import strategies as st

from pawl.api.rollout_status import Assignment
from pawl.assignment import fine_bucket
from pawl_services.assigner.assignment import UnusableAssignmentError, read_assignment, read_rollout

# The project's own vectors: users, keys and fine buckets (tests/unit/core/test_assignment.py has the same).
VECTORS = [
    ("user-1", "exp-1", 9704),
    ("user-2", "exp-1", 4036),
    ("alice", "checkout", 5989),
    ("bob", "checkout", 3464),
    ("ü", "exp", 9167),
]


@pytest.mark.reference
@pytest.mark.parametrize(("user", "key", "bucket"), VECTORS)
def test_an_arm_holds_its_start_and_not_its_end(user: str, key: str, bucket: int) -> None:
    def variant(start: int, end: int) -> str | None:
        found = read_assignment(assignment(key=key, ranges=[arm("one", start, end)])).arm_of(user)
        return found.variant if found is not None else None

    assert variant(bucket, bucket + 1) == "one"
    assert variant(0, bucket) is None
    assert variant(bucket + 1, 10_000) is None


@given(st.text(min_size=1, max_size=40).filter(str.isprintable), st.integers(0, 10_000))
def test_the_arm_is_the_one_that_is_computed_offline(user: str, treatment: int) -> None:
    assigned = read_assignment(assignment(treatment=treatment))
    found = assigned.arm_of(user)
    assert found is not None
    assert found.variant == ("treatment" if fine_bucket(user, assigned.key) < treatment else "control")


@given(st.text(min_size=1, max_size=40), st.integers(0, 9_999))
def test_nobody_leaves_the_treatment_when_its_share_grows(user: str, treatment: int) -> None:
    def treated(share: int) -> bool:
        found = read_assignment(assignment(treatment=share)).arm_of(user)
        return found is not None and found.variant == "treatment"

    assert treated(treatment) <= treated(treatment + 1)


def test_what_the_operator_writes_is_what_is_read() -> None:
    written = assignment(generation=7)
    as_stored = Assignment.model_validate(written).model_dump(mode="json", by_alias=True)
    assert read_assignment(as_stored) == read_assignment(written)
    assert read_assignment(as_stored).generation == 7


def test_buckets_between_ranges_are_nobodys() -> None:
    assigned = read_assignment(assignment(ranges=[arm("one", 0, 100), arm("two", 9_900, 10_000)]))
    outside = [user for user in map(str, range(200)) if assigned.arm_of(user) is None]
    assert outside
    assert all(100 <= fine_bucket(user, assigned.key) < 9_900 for user in outside)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"key": "a:b"}, "key is 'a:b'"),
    ({"key": ""}, "key is ''"),
    ({"key": None}, "key is None"),
    ({"experiment": 7}, "experiment is 7"),
    ({"uid": "a\nb"}, "uid is"),
    ({"component": ["facts"]}, "component is"),
    ({"generation": "1"}, "generation is '1'"),
    ({"generation": -1}, "generation is -1"),
    ({"generation": True}, "generation is True"),
    ({"ranges": []}, "ranges is missing or empty"),
    ({"ranges": {"a": 1}}, "ranges is missing or empty"),
    ({"ranges": ["text"]}, r"ranges\[0\]\.start is None"),
    ({"ranges": [arm("one", 0, 10_001)]}, r"ranges\[0\]\.end is 10001"),
    ({"ranges": [arm("one", -1, 5)]}, r"ranges\[0\]\.start is -1"),
    ({"ranges": [arm("one", 9, 8)]}, r"ranges\[0\]\.end is 8, before its start 9"),
    ({"ranges": [arm("one", 0, 5), arm("two", 4, 9)]}, "'one' and 'two' overlap at 4"),
    ({"ranges": [arm("two", 4, 9), arm("one", 0, 5)]}, "'one' and 'two' overlap at 4"),
    ({"ranges": [arm("one", 0, 5) | {"header": "a\r\nx-admin: 1"}]}, r"ranges\[0\]\.header is"),
    ({"ranges": [arm("one", 0, 5) | {"header": "a b"}]}, r"ranges\[0\]\.header is"),
    ({"ranges": [arm("one", 0, 5) | {"variant": None}]}, r"ranges\[0\]\.variant is None"),
    ({"ranges": [arm("one", 0.0, 5)]}, r"ranges\[0\]\.start is 0\.0"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_carried_out_assigns_nobody_and_says_why(change: dict[str, Any], message: str) -> None:
    wrong = assignment(**change)
    with pytest.raises(UnusableAssignmentError, match=message):
        read_assignment(wrong)
    seen = read_rollout(assigning(assigned=wrong))
    assert (seen.name, seen.assigned) == ("chat", None)
    assert seen.problem


@pytest.mark.parametrize("written", ["text", 7, [], True])
def test_an_assignment_of_the_wrong_type_assigns_nobody(written: object) -> None:
    seen = read_rollout(assigning(assigned=written))
    assert seen.assigned is None
    assert seen.problem


@pytest.mark.parametrize("status", [None, "text", {"traffic": None}, {"traffic": {"assignment": None}}, {}])
def test_a_rollout_without_an_experiment_is_no_problem(status: object) -> None:
    seen = read_rollout(assigning() | {"status": status})
    assert (seen.assigned, seen.problem, seen.component) == (None, "", "facts")


def test_the_header_of_the_user_is_the_one_frozen_at_the_start() -> None:
    body = assigning(assigned=assignment())
    assert read_rollout(body).user_header == b"x-user-id"
    body["spec"]["stickiness"] = {"header": "x-account"}
    assert read_rollout(body).user_header == b"x-account"
    body["status"]["trial"] = {"header": "x-user-id"}
    assert read_rollout(body).user_header == b"x-user-id"


@pytest.mark.parametrize("header", ["X-User", "a b", 7, "x\n"])
def test_a_user_header_that_no_gateway_sends_assigns_nobody(header: object) -> None:
    body = assigning(assigned=assignment(), trial={"header": header})
    assert (read_rollout(body).assigned, bool(read_rollout(body).problem)) == (None, True)
