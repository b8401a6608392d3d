"""Shares, exposure, lost requests and breaks of stickiness are counted from the rows alone."""

from pawl_examples.ledger import Ledger, Row, exposure, left_behind, lost, share, strays


def row(user: str, arm: str, step: int, at: float, status: int = 200, release: int = 1) -> Row:
    return Row("a", user, at, at + 0.1, status, arm, "rev", release, step)


STEADY = [
    row("ann", "candidate", 1, 1),
    row("bob", "stable", 1, 2),
    row("ann", "candidate", 1, 3),
    row("bob", "candidate", 2, 4),
    row("ann", "candidate", 2, 5),
    row("cy", "stable", 2, 6),
]


def test_shares_of_people_and_requests_by_step() -> None:
    first = share(STEADY, 1, 1)
    assert (first.people, first.candidate_people, first.requests, first.candidate_requests) == (2, 1, 3, 2)
    assert first.by_people == 0.5
    assert share(STEADY, 1, 9).by_people == 0.0


def test_steady_people_are_no_strays() -> None:
    assert strays(STEADY, 1, None) == []


def test_two_arms_in_one_step_are_seen() -> None:
    assert strays([*STEADY, row("bob", "candidate", 1, 2.5)], 1, None) == ["bob met both arms in step 1"]


def test_leaving_the_candidate_on_the_way_up_is_seen() -> None:
    found = strays([*STEADY, row("ann", "stable", 3, 9)], 1, None)
    assert found == ["ann left the candidate in step 3 (on it since step 1)"]


def test_a_rollback_takes_everybody_back_and_is_no_stray() -> None:
    rolled_back = [*STEADY, row("ann", "stable", 0, 9), row("bob", "stable", 2, 9.5)]
    assert strays(rolled_back, 1, 8.0) == []
    assert strays(rolled_back, 1, None) == ["bob met both arms in step 2"]


def test_another_release_is_another_matter() -> None:
    assert strays([*STEADY, row("ann", "stable", 1, 20, release=2)], 1, None) == []


def test_nobody_may_be_left_on_the_candidate() -> None:
    assert left_behind(STEADY, 5.5) == []
    assert len(left_behind(STEADY, 3.5)) == 2


def test_exposure_counts_distinct_people_in_the_time() -> None:
    met = exposure(STEADY, 1, 0.0, 4.05)
    assert (met.people, met.requests) == (1, 2)
    assert exposure(STEADY, 1, 0.0, 100.0).people == 2


def test_lost_are_all_without_a_good_answer() -> None:
    ledger = Ledger()
    for one in (*STEADY, row("dan", "stable", 1, 7, status=503), row("eve", "", 0, 8, status=0)):
        ledger.add(one)
    assert [one.user for one in lost(ledger.rows(), "a")] == ["dan", "eve"]
    assert lost(ledger.rows(), "b") == []
