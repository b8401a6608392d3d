"""Runs the collector: `python -m pawl_services.collector`. Ends with 2 for unusable settings, 3 without a database."""

import random
import sys
import threading
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from pawl_services.collector.app import collector_app
from pawl_services.collector.pseudonym import PseudonymKeyError, read_pseudonyms
from pawl_services.collector.settings import CollectorSettings, collector_settings
from pawl_services.db.engine import Database, DatabaseUrlError, open_database
from pawl_services.web.auth import ApiKeys, ApiKeysError
from pawl_services.web.logs import configure_logs
from pawl_services.web.server import serve
from pawl_services.web.settings import SettingsError, load

DATABASE_PATIENCE = 60.0
# The writing thread needs the interpreter for a moment after each of a commit's round trips. Behind a thread that
# validates requests it would wait Python's 5 ms every time: most of a commit would be waiting.
SWITCH_SECONDS = 0.0005
_log = structlog.get_logger(__name__)


def main() -> int:
    """Serve until ended by a signal."""
    try:
        settings = load(collector_settings)
        configure_logs("collector", settings.server.log_level)
        keys = ApiKeys(settings.api_keys_file)
        pseudonyms = read_pseudonyms(settings.pseudonym_key_file)
        database = _open(settings)
    except (SettingsError, ApiKeysError, PseudonymKeyError, DatabaseUrlError, OSError) as error:
        sys.stderr.write(f"pawl collector cannot start: {error}\n")
        return 2
    except SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        sys.stderr.write(f"pawl collector cannot start: the database of PAWL_DATABASE_URL did not answer ({cause})\n")
        return 3
    sys.setswitchinterval(SWITCH_SECONDS)
    app = collector_app(settings, database, keys, pseudonyms)
    serve(app, settings.server, app.state.health)
    return 0


def _open(settings: CollectorSettings) -> Database:
    """Wait for a database that starts together with us, but not forever: then the platform restarts us, visibly."""
    deadline = time.monotonic() + DATABASE_PATIENCE
    pause = 0.2
    while True:
        try:
            return open_database(settings.database_url)
        except SQLAlchemyError as error:
            if time.monotonic() + pause > deadline:
                raise
            _log.warning("database not ready", error=type(error).__name__)
        threading.Event().wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret
        pause = min(pause * 2, 5.0)


if __name__ == "__main__":
    sys.exit(main())
