"""Logs why predictions failed, for whoever must say why a revision was rolled back; users see the type only."""

import time
from collections.abc import Callable

import structlog

from pawl_services.modelserver.runtime import PredictionError
from pawl_services.web.logs import Sparingly

SECONDS = 10.0
_log = structlog.get_logger(__name__)


class FailureLog:
    """One traceback for each type of exception in `SECONDS`, with how many were held back before it.

    No input is logged by us; a model that puts words of its input into its exceptions' messages brings them here.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._sparingly = Sparingly(SECONDS, clock)

    def failed(self, error: PredictionError) -> None:
        """A prediction ended with `error`; its cause is the model's own exception where it raised one."""
        cause = error.__cause__ or error
        name = type(cause).__name__
        if (held := self._sparingly.passes(name)) is not None:
            _log.error("prediction failed", error=name, held_back=held, exc_info=cause)
