"""Starts the monitor: `python -m pawl_services.monitor`, configured by the environment."""

import sys

from sqlalchemy.exc import SQLAlchemyError

from pawl_services.db.engine import DatabaseUrlError, open_database
from pawl_services.monitor.app import build
from pawl_services.monitor.settings import read_settings
from pawl_services.web.health import Health
from pawl_services.web.logs import configure_logs
from pawl_services.web.server import serve
from pawl_services.web.settings import SettingsError, load


def main() -> int:
    """Run until a signal. Ends with 2 for settings that cannot be used, 3 without a database."""
    try:
        settings = load(read_settings)
        configure_logs("monitor", settings.server.log_level)
        database = open_database(settings.database_url)
    except (SettingsError, DatabaseUrlError, OSError) as error:
        sys.stderr.write(f"pawl monitor cannot start: {error}\n")
        return 2
    except SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        sys.stderr.write(f"pawl monitor cannot start: the database of PAWL_DATABASE_URL did not answer ({cause})\n")
        return 3
    health = Health()
    try:
        serve(build(settings, database, health), settings.server, health)
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
