"""Tables say what was recorded, and an outcome is as said only if nothing was lost or moved beside its ending."""

from dataclasses import replace
from datetime import UTC, datetime

from pawl_examples.history import ReleaseRecord, StepRecord
from pawl_examples.ledger import Row
from pawl_examples.scenarios import scenarios
from pawl_examples.tables import Outcome, bad_versions_table, exposed, models_table, releases_table, seconds_of

TWIN, SLOW = scenarios("image:twin")[:2]
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(START.timestamp() + seconds, UTC).isoformat()


def row(user: str, arm: str, at: float, status: int = 200) -> Row:
    sent = START.timestamp() + at
    return Row("b", user, sent, sent, status, arm, "rev", 2, 1)


RECORD = ReleaseRecord(
    number=2,
    revision="abc",
    digest="sha256:1",
    state="RolledBack",
    steps={
        1: StepRecord(
            10,
            "Fail",
            {
                "latency": {
                    "metric": "latency",
                    "estimate": "-0.9",
                    "lower": "-1",
                    "upper": "-0.8",
                    "users": 30,
                    "detectable": "0.2",
                }
            },
            verified_weight=9,
            on_route=[(90, 910), (9, 91)],
        )
    },
    rollback={"release": 2, "cause": "HarmProven", "t0": stamp(1), "t1": stamp(5), "t2": stamp(6.5)},
)
ROWS = [row("ann", "candidate", 2), row("ann", "candidate", 3), row("bob", "stable", 4), row("cy", "candidate", 9, 503)]


def test_steps_show_asked_and_seen_share_with_evidence() -> None:
    table = releases_table([Outcome(SLOW, RECORD)], ROWS)
    [cells] = table.rows
    assert cells[:4] == ("b r2", "1", "10 %", "9 : 91")
    assert cells[4] == "67% of 3"
    assert cells[6:] == ("Fail", "latency -0.900 [-1.000, -0.800] n 30", "0.200")


def test_a_step_that_never_held_has_no_weight_on_the_route() -> None:
    table = releases_table([Outcome(SLOW, replace(RECORD, steps={1: StepRecord(10)}))], [])
    assert table.rows[0][table.columns.index("on the route")] == "-"


def test_bad_versions_show_times_exposure_and_loss() -> None:
    table = bad_versions_table([Outcome(SLOW, RECORD), Outcome(TWIN, None)], ROWS)
    [cells] = table.rows
    assert cells[1] == "HarmProven"
    assert cells[5:] == ("5.5 s", "1.5 s", "1", "2", "1")
    assert len(cells) == len(table.columns)


def test_exposure_without_t0_counts_from_the_first_answer() -> None:
    record = replace(RECORD, rollback={"release": 2, "t2": stamp(2.5)})
    assert exposed(record, ROWS) == (1, 1)


def test_as_said_needs_the_ending_and_no_problem() -> None:
    assert Outcome(SLOW, RECORD).as_said
    assert not Outcome(TWIN, RECORD).as_said
    assert not Outcome(SLOW, RECORD, ("2 requests lost",)).as_said
    assert not Outcome(SLOW, None).as_said


def test_models_show_the_interval_and_no_training_time_for_rules() -> None:
    golden = {"f1": 0.372, "lower": 0.28, "upper": 0.45, "precision": 0.4, "recall": 0.35}
    table = models_table([{"model": "linear-tagger", "seconds": 11.6, "golden": golden}, {"model": "rules"}])
    assert table.rows[0] == ("linear-tagger", "0.37", "0.28 to 0.45", "0.40", "0.35", "12")
    assert table.rows[1] == ("rules", "-", "- to -", "-", "-", "-")


def test_times_of_the_api_are_read_and_absent_ones_are_none() -> None:
    assert seconds_of("2026-01-01T12:00:00Z") == START.timestamp()
    assert seconds_of(None) is None
