"""Waits inside an event loop for a condition that other threads or tasks bring about, with a bound."""

import asyncio
from collections.abc import Callable

PAUSE = 0.01
SECONDS = 20


async def eventually(condition: Callable[[], bool]) -> None:
    """Return once `condition()` is true; raises TimeoutError after `SECONDS`."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110  what threads do has no asyncio event
            await asyncio.sleep(PAUSE)
