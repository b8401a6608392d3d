"""Holds the one model of a process: loads it off the event loop, and says whether it can answer."""

import asyncio
import threading
import time
from collections.abc import Callable

import structlog

from pawl.errors import PawlError
from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.registry import Registry
from pawl_services.modelserver.runtime import LoadError, Runtime
from pawl_services.modelserver.runtimes import load_runtime
from pawl_services.modelserver.settings import ModelServerSettings
from pawl_services.modelserver.source import verified_directory

_log = structlog.get_logger(__name__)


class ModelHost:
    """A model on its way: `runtime` is None until it is loaded, `failure` says why it never will be."""

    def __init__(self, settings: ModelServerSettings, metrics: ModelMetrics, stop: Callable[[], None]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._stop = stop
        self._stopping = threading.Event()
        self.runtime: Runtime | None = None
        self.failure: str | None = None

    async def load(self) -> None:
        """Fetch where it lies elsewhere, verify, then load; on failure log why and end the process.

        Another try here would find the same bytes, or the same server away: whoever starts processes tries again.
        """
        began = time.monotonic()
        cause: BaseException | None = None
        try:
            self.runtime = await asyncio.to_thread(self._verified_runtime)
        except (PawlError, LoadError, OSError) as error:
            self.failure, cause = str(error), error.__cause__
        except asyncio.CancelledError:
            # The thread would go on downloading, and the process wait for it.
            self._stopping.set()
            raise
        except Exception as error:  # noqa: BLE001  a model's own code may raise anything
            self.failure = f"unexpected {type(error).__name__} while loading"
            _log.exception("model failed in an unexpected way")
        seconds = time.monotonic() - began
        if self.failure is not None:
            facts = {"source": self._settings.source, "seconds": round(seconds, 3)}
            _log.error("model not loaded", reason=self.failure, **facts, exc_info=cause)
            self._stop()
            return
        self._metrics.set(self._metrics.load_seconds, seconds)
        self._metrics.set(self._metrics.loaded, 1)
        _log.info("model loaded", revision=self._settings.revision, seconds=round(seconds, 3))

    def ready(self) -> str | None:
        """A readiness check: wrong until the model is loaded."""
        if self.runtime is not None:
            return None
        return self.failure or "the model is being verified and loaded"

    def _verified_runtime(self) -> Runtime:
        settings = self._settings
        registry = Registry(settings.registry, self._stopping) if settings.registry is not None else None
        directory = verified_directory(settings.source, settings.digest, registry)
        return load_runtime(self._settings, directory)
