"""The end of an answer of any length, in bounded memory: a log's last lines are the ones that matter."""

import aiohttp


async def read_tail(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the last `limit` bytes of the body, or all of it where it is shorter; the caller bounds the time."""
    kept = bytearray()
    async for chunk in answer.content.iter_any():
        kept += chunk
        if len(kept) > 2 * limit:
            del kept[:-limit]
    return bytes(kept[-limit:])
