"""Five-field cron times in a time zone, and windows that open at them: when may a step be raised?

Fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, day of week 0-7 or SUN-SAT (0 and 7 are
Sunday). Each is `*`, a number, a range `a-b`, any of them with a step `/n`, or a list of these. As in every cron: if
both days are restricted, either one will do. Times are wall-clock times; one that a clock change skips counts as the
same instant an hour later, one that it repeats fires the first time only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pawl.errors import InvalidSpec

_MONTHS = {
    name: i
    for i, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)
}
_DAYS = {name: i for i, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_HORIZON = timedelta(days=366 * 5)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed cron expression; every set holds the values that match."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Both day fields are restricted, so that one of them suffices."""

    def on(self, day: date) -> bool:
        """Return whether it fires on that day at all."""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


@lru_cache(maxsize=512)
def parse_cron(expression: str) -> Cron:
    """Read a five-field cron expression.

    Raises:
        InvalidSpec: it has another number of fields, or a field cannot be read or is out of range.
    """
    fields = expression.split()
    if len(fields) != 5:
        raise InvalidSpec(
            "a cron expression has five fields", field="cron", value=expression, remedy="such as 0 9 * * 1-5"
        )
    minutes, hours, days, months = (
        _field(text, low, high, names, expression)
        for text, low, high, names in zip(fields, (0, 0, 1, 1), (59, 23, 31, 12), ({}, {}, {}, _MONTHS), strict=False)
    )
    weekdays = frozenset(day % 7 for day in _field(fields[4], 0, 7, _DAYS, expression))
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    return Cron(minutes, hours, days, months, weekdays, either)


def zone_of(name: str) -> tzinfo:
    """Return the time zone of that IANA name; empty means UTC.

    Raises:
        InvalidSpec: there is no such zone.
    """
    if name in ("", "UTC", "Etc/UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidSpec("unknown time zone", field="timeZone", value=name, remedy="such as Europe/Berlin") from error


def last_firing(cron: Cron, zone: tzinfo, now: datetime, within: timedelta) -> datetime | None:
    """Return the latest firing in (now - within, now], in UTC, or None."""
    earliest = now - within
    day = now.astimezone(zone).date() + timedelta(days=1)
    while datetime.combine(day, time.max, zone) > earliest:
        if cron.on(day):
            for firing in _firings(cron, zone, day, latest_first=True):
                if earliest < firing <= now:
                    return firing
        day -= timedelta(days=1)
    return None


def next_firing(cron: Cron, zone: tzinfo, after: datetime) -> datetime | None:
    """Return the first firing after ``after``, in UTC, or None if there is none within five years."""
    day = after.astimezone(zone).date() - timedelta(days=1)
    last = day + _HORIZON
    while day < last:
        if cron.on(day):
            for firing in _firings(cron, zone, day, latest_first=False):
                if firing > after:
                    return firing
        day += timedelta(days=1)
    return None


def window_open(expression: str, zone_name: str, duration: timedelta, now: datetime) -> bool:
    """Return whether a window of ``duration`` that opens at each firing is open at ``now``."""
    return last_firing(parse_cron(expression), zone_of(zone_name), now, duration) is not None


def _firings(cron: Cron, zone: tzinfo, day: date, *, latest_first: bool) -> Iterator[datetime]:
    for hour in sorted(cron.hours, reverse=latest_first):
        for minute in sorted(cron.minutes, reverse=latest_first):
            yield datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def _field(text: str, low: int, high: int, names: dict[str, int], whole: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, 1, high, {}, whole) if slash else 1
        if span == "*":
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start, low, high, names, whole)
            last = _number(end, low, high, names, whole) if dash else (high if slash else first)
        if first > last:
            raise InvalidSpec(
                f"the range {span} runs backwards", field="cron", value=whole, remedy=f"write {last}-{first}"
            )
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, low: int, high: int, names: dict[str, int], whole: str) -> int:
    value = names.get(text.upper())
    if value is None:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
    if not low <= value <= high:
        raise InvalidSpec(
            f"{text or 'an empty value'} is no number from {low} to {high}",
            field="cron",
            value=whole,
            remedy="correct the field",
        )
    return value
