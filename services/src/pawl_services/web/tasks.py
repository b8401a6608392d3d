"""Background tasks whose end is noticed: a process that has lost one is no longer alive and says so."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from pawl_services.web.health import Health

_log = structlog.get_logger(__name__)


def watched_task(work: Coroutine[Any, Any, None], name: str, health: Health) -> asyncio.Task[None]:
    """Run `work`; when it ends with an error, liveness fails under `name`."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _log.error("task ended", task=name, exc_info=task.exception())
            health.live[name] = _always(f"task {name} ended with {type(task.exception()).__name__}")

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(ended)
    return task


def _always(sentence: str) -> Callable[[], str]:
    return lambda: sentence
