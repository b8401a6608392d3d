"""One JSON object per log line on standard output, for our own and the libraries' loggers alike."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAMES = ("token", "secret", "password", "authorization", "api_key", "body", "payload", "dsn")
_HIDDEN = "(hidden)"


def hide_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop the value of every key that could hold a secret or a person's words, should one slip in."""
    for key in event:
        if any(name in key.lower() for name in _SECRET_NAMES):
            event[key] = _HIDDEN
    return event


def configure_logs(service: str, level: str = "info") -> None:
    """Send all logging as JSON lines to standard output, stamped with `service`; call once at start."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _stamp(service),
        hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # httpx logs every address at info, and addresses may name people.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _stamp(service: str) -> structlog.typing.Processor:
    def stamp(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return stamp
