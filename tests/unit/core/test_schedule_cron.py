"""Cron times in time zones, and the windows that open at them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl.errors import InvalidSpec
from pawl.schedule import last_firing, next_firing, parse_cron, window_open, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("*/15 * * * *", MONDAY, datetime(2026, 11, 23, 9, 45, tzinfo=UTC)),
        ("0 9 * * 1-5", MONDAY, datetime(2026, 11, 24, 9, 0, tzinfo=UTC)),
        ("0 9 * * SAT,SUN", MONDAY, datetime(2026, 11, 28, 9, 0, tzinfo=UTC)),
        ("0 0 1 */2 *", MONDAY, datetime(2027, 1, 1, 0, 0, tzinfo=UTC)),
        ("5 4 * * 7", MONDAY, datetime(2026, 11, 29, 4, 5, tzinfo=UTC)),
        ("0 0 29 2 *", MONDAY, datetime(2028, 2, 29, 0, 0, tzinfo=UTC)),
        ("10-20/5 1 * * *", MONDAY, datetime(2026, 11, 24, 1, 10, tzinfo=UTC)),
        ("0 12 13 * 5", MONDAY, datetime(2026, 11, 27, 12, 0, tzinfo=UTC)),
    ],
)
def test_the_next_firing_is_found(expression, after, expected):
    assert next_firing(parse_cron(expression), UTC, after) == expected


def test_a_day_that_never_comes_has_no_firing():
    assert next_firing(parse_cron("0 0 31 2 *"), UTC, MONDAY) is None


def test_times_are_wall_clock_times():
    assert next_firing(parse_cron("0 9 * * *"), BERLIN, MONDAY) == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    assert next_firing(parse_cron("0 9 * * *"), BERLIN, summer) == datetime(2026, 7, 1, 7, 0, tzinfo=UTC)


def test_a_time_that_the_clock_change_skips_still_fires():
    # 2026-03-29 02:30 does not exist in Berlin.
    found = next_firing(parse_cron("30 2 29 3 *"), BERLIN, datetime(2026, 3, 28, tzinfo=UTC))
    assert found == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_time_that_comes_twice_fires_once():
    # 2026-10-25 02:30 comes twice in Berlin; the first is 00:30 UTC.
    cron = parse_cron("30 2 25 10 *")
    assert next_firing(cron, BERLIN, datetime(2026, 10, 24, tzinfo=UTC)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    later = next_firing(cron, BERLIN, datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert later.year == 2027


@pytest.mark.parametrize(
    ("minutes", "is_open"), [(-1, False), (0, True), (239, True), (240, False)], ids=["before", "at", "last", "after"]
)
def test_a_window_opens_at_its_firing_and_closes_after_its_duration(minutes, is_open):
    opening = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    at = opening + timedelta(minutes=minutes)
    assert window_open("0 9 * * 1-5", "Europe/Berlin", timedelta(hours=4), at) is is_open


def test_a_window_over_midnight_is_still_open_the_next_day():
    assert window_open("0 22 * * *", "UTC", timedelta(hours=8), datetime(2026, 11, 24, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    "bad",
    [
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "a * * * *",
        "*/0 * * * *",
        "1,,2 * * * *",
    ],
)
def test_an_expression_that_cannot_be_read_is_refused(bad):
    with pytest.raises(InvalidSpec, match="cron"):
        parse_cron(bad)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(InvalidSpec, match="Mars"):
        zone_of("Mars/Olympus")


@given(
    st.sampled_from(["*/7 3-20 * * *", "0 9 * * 1-5", "30 2 * * *", "0 0 1,15 * 3", "59 23 31 12 *"]),
    st.sampled_from([UTC, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")]),
    st.integers(0, 15 * 365 * 1440).map(lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
)
def test_the_last_firing_before_the_next_one_is_not_after_now(expression, zone, now):
    cron = parse_cron(expression)
    following = next_firing(cron, zone, now)
    assert following > now
    assert last_firing(cron, zone, following, timedelta(minutes=1)) == following
    before = last_firing(cron, zone, now, timedelta(days=400))
    assert before <= now
    between = next_firing(cron, zone, before)
    assert between > now or between == following
