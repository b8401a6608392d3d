"""Answers of any length in bounded memory: the whole of one that must not be long, or the end of a log."""

import aiohttp


async def read_tail(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the last `limit` bytes of the body, or all of it where it is shorter; the caller bounds the time."""
    kept = bytearray()
    async for chunk in answer.content.iter_any():
        kept += chunk
        if len(kept) > 2 * limit:
            del kept[:-limit]
    return bytes(kept[-limit:])


async def read_whole(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the body; the caller bounds the time.

    Raises:
        ValueError: it is longer than `limit` bytes.
    """
    kept = bytearray()
    async for chunk in answer.content.iter_any():
        kept += chunk
        if len(kept) > limit:
            raise ValueError(f"answer is larger than {limit} bytes")
    return bytes(kept)
