"""A token bucket: how many calls a second may go to the API server."""

import asyncio


class TokenBucket:
    """`rate` calls a second on average, `burst` at once; waiting callers are served in order."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._level = float(burst)
        self._stamp: float | None = None

    async def take(self) -> None:
        """Wait for one token; the level may go below zero, which is the line of those who wait."""
        now = asyncio.get_running_loop().time()
        if self._stamp is not None:
            self._level = min(self._burst, self._level + (now - self._stamp) * self._rate)
        self._stamp = now
        self._level -= 1.0
        if self._level < 0:
            await asyncio.sleep(-self._level / self._rate)
