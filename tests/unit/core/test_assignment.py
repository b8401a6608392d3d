"""Buckets: the project's own reference vectors, nesting, and what keeps arms stable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl.assignment import assignment_key, bucket, fine_bucket, is_candidate

VECTORS = [
    ("user-1", "exp-1", 97, 9704),
    ("user-2", "exp-1", 40, 4036),
    ("alice", "checkout", 59, 5989),
    ("bob", "checkout", 34, 3464),
    ("ü", "exp", 91, 9167),
]
USERS = st.text(max_size=30)
KEYS = st.from_regex(r"[a-z.0-9-]{1,20}", fullmatch=True)


@pytest.mark.reference
@pytest.mark.parametrize(("user", "key", "percent", "fine"), VECTORS)
def test_vectors(user: str, key: str, percent: int, fine: int) -> None:
    assert (bucket(user, key), fine_bucket(user, key)) == (percent, fine)


@given(USERS, KEYS)
def test_fine_buckets_nest_in_percent_buckets(user: str, key: str) -> None:
    assert fine_bucket(user, key) // 100 == bucket(user, key)


@given(USERS, KEYS, st.integers(0, 99))
def test_nobody_leaves_the_candidate_when_its_share_grows(user: str, key: str, percent: int) -> None:
    assert is_candidate(user, key, percent) <= is_candidate(user, key, percent + 1)
    assert is_candidate(user, key, 100)
    assert not is_candidate(user, key, 0)


def test_buckets_are_even_and_keys_independent() -> None:
    users = [f"user-{number}" for number in range(20_000)]
    counts = [0] * 100
    for user in users:
        counts[bucket(user, "a.1")] += 1
    chi_square = sum((count - 200) ** 2 / 200 for count in counts)
    assert chi_square < 149  # 99 degrees of freedom, p = 0.001
    both = sum(is_candidate(user, "a.1", 50) and is_candidate(user, "a.2", 50) for user in users)
    assert abs(both - 5000) < 4 * (20_000 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize("call", [bucket, fine_bucket])
def test_a_colon_in_the_key_is_refused(call) -> None:
    with pytest.raises(ValueError, match="contains ':'"):
        call("user", "a:b")


def test_a_key_names_the_revision() -> None:
    assert assignment_key("facts", "0123456789") == "facts.0123456789"


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_out_of_range_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        is_candidate("user", "key", percent)
