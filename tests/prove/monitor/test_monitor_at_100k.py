"""The figure for a hundred thousand interactions in one release, on SQLite."""

from pathlib import Path

from evidence_world import SetClockDatabase
from monitor_load import measure

from pawl_services.db.engine import open_database


def test_a_hundred_thousand_interactions(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'pawl.db'}")
    print(f"\n{measure(SetClockDatabase(database.engine), 100_000)}")
    database.close()
