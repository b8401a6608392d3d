"""A task that ends with an error takes liveness with it; one that is cancelled or done does not."""

import asyncio

from pawl_services.web.health import Health
from pawl_services.web.tasks import watched_task


async def test_a_lost_task_is_no_life() -> None:
    health = Health()

    async def broken() -> None:
        raise RuntimeError("a secret")

    await asyncio.wait([watched_task(broken(), "watch", health)])
    await asyncio.sleep(0)
    assert await health.liveness() == {"watch": "task watch ended with RuntimeError"}


async def test_a_task_that_is_done_or_cancelled_is_no_loss() -> None:
    health = Health()
    done = watched_task(asyncio.sleep(0), "done", health)
    cancelled = watched_task(asyncio.sleep(3600), "cancelled", health)
    await done
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await asyncio.sleep(0)
    assert await health.liveness() == {}
