"""One JSON object per log line on standard output, for our own and the libraries' loggers alike."""

import logging
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

_SECRET_NAMES = ("token", "secret", "password", "authorization", "api_key", "body", "payload", "dsn")
_HIDDEN = "(hidden)"
MAX_KEYS = 100


class Sparingly:
    """Lets one log line for each key pass in `seconds`, so that what happens on every request cannot flood the log.

    Past `MAX_KEYS` keys all others count as one. May be asked from any thread.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._passed: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def passes(self, key: str) -> int | None:
        """How many lines with this key were held back since the last that passed; None: hold this one back too."""
        now = self._clock()
        with self._lock:
            if key not in self._passed and len(self._passed) >= MAX_KEYS:
                key = "(other)"
            if key in self._passed and now - self._passed[key] < self._seconds:
                self._held[key] = self._held.get(key, 0) + 1
                return None
            self._passed[key] = now
            return self._held.pop(key, 0)


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
