"""The figure for a hundred thousand interactions in one release, on SQLite."""

from collections.abc import Callable
from pathlib import Path

from evidence_world import SetClockDatabase
from monitor_load import measure

from pawl_services.db.engine import open_database


def test_a_hundred_thousand_interactions(tmp_path: Path, figure: Callable[[str], None]) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'pawl.db'}")
    figure(measure(SetClockDatabase(database.engine), 100_000))
    database.close()
