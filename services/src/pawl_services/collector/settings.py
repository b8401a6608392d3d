"""The collector's settings: database, keys, bounds."""

from dataclasses import dataclass
from pathlib import Path

from pawl_services.db.writer import WriterLimits
from pawl_services.web.settings import Environment, ServerSettings, server_settings


@dataclass(frozen=True)
class CollectorSettings:
    """`database_url` may hold a password: it is never logged.

    Bytes: `max_body_bytes` of one body, unpacked; `max_active_bytes` of the bodies of all requests at work.
    `max_exports` is how many data sets may be streamed out at once.
    """

    server: ServerSettings
    database_url: str
    api_keys_file: Path
    pseudonym_key_file: Path
    max_body_bytes: int
    max_active_requests: int
    max_active_bytes: int
    max_exports: int
    writer: WriterLimits


def collector_settings(env: Environment) -> CollectorSettings:
    """Read them from the environment."""
    defaults = WriterLimits()
    max_body_bytes = env.integer("PAWL_MAX_BODY_BYTES", 8 * 2**20, 1024, 2**30)
    return CollectorSettings(
        server=server_settings(env),
        database_url=env.text("PAWL_DATABASE_URL", "sqlite:////var/lib/pawl/pawl.db"),
        api_keys_file=env.file("PAWL_API_KEYS_FILE"),
        pseudonym_key_file=env.file("PAWL_PSEUDONYM_KEY_FILE"),
        max_body_bytes=max_body_bytes,
        max_active_requests=env.integer("PAWL_MAX_ACTIVE_REQUESTS", 256, 1, 100_000),
        max_active_bytes=env.integer("PAWL_MAX_ACTIVE_BYTES", max(64 * 2**20, max_body_bytes), max_body_bytes, 2**40),
        max_exports=env.integer("PAWL_MAX_EXPORTS", 2, 1, 64),
        writer=WriterLimits(
            linger=env.seconds("PAWL_FLUSH_INTERVAL", defaults.linger, 0.0, 1.0),
            batch_rows=env.integer("PAWL_BATCH_ROWS", defaults.batch_rows, 1, 100_000),
            queue_rows=env.integer("PAWL_QUEUE_ROWS", defaults.queue_rows, 1, 10_000_000),
            queue_bytes=env.integer("PAWL_QUEUE_BYTES", defaults.queue_bytes, 1024, 2**40),
        ),
    )
