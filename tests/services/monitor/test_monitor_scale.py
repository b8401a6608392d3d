"""A look costs what is new, not what there is: counted in interactions read; the seconds are printed."""

from collections.abc import Callable

from evidence_world import SetClockDatabase
from monitor_load import measure


def test_a_tick_reads_only_what_is_new(database: SetClockDatabase, figure: Callable[[str], None]) -> None:
    figure(measure(database, 10_000))
