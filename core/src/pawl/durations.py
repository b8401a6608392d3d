"""Durations as people write them in a manifest: `24h`, `1m30s`, `500ms`, `28d`."""

import re
from datetime import timedelta

_UNITS = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,8})s)?(?:(\d{1,9})ms)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a duration: whole numbers with the units d, h, m, s, ms, each at most once and in this order.

    Raises:
        ValueError: the text is empty or has another shape.
    """
    match = _UNITS.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"duration {text!r} is not of the form 24h, 1m30s or 500ms")
    days, hours, minutes, seconds, millis = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)


def format_duration(value: timedelta) -> str:
    """Write a duration the way `parse_duration` reads it, at millisecond precision; zero is `0s`.

    Raises:
        ValueError: the value is negative.
    """
    millis = round(value / timedelta(milliseconds=1))
    if millis < 0:
        raise ValueError(f"duration {value} is negative; durations start at 0s")
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, millis = divmod(millis, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
