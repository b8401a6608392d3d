"""What is exported of one release, taken at one moment; immutable, so a scrape sees one state and nothing between."""

from collections.abc import Mapping
from dataclasses import dataclass

from pawl_services.monitor.accumulate import Group
from pawl_services.monitor.header import Header
from pawl_services.monitor.store import GroupKey

HOUR = 3_600_000_000
SHORTEST = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """`computed_at` in seconds since 1970: when all that was received was last in. The watermark is the header's
    cursor.
    """

    header: Header
    groups: Mapping[GroupKey, Group]
    computed_at: float


def label_rate(header: Header, group: Group) -> float | None:
    """Labelled users an hour, both arms together, over the time in which closed windows have opened; None: nobody."""
    first = group.totals.first_opened
    if first is None:
        return None
    release = header.release
    opened = header.cursor - release.window - release.delay - first
    return group.totals.labelled * HOUR / max(opened, SHORTEST)
