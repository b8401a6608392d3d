"""Reads a request's body within a bound of bytes and of time."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from pawl_services.modelserver.protocol import refuse
from pawl_services.web.problem import ProblemError

BINARY_HEADER = "inference-header-content-length"
BODY_SECONDS = 30.0


async def read_body(request: Request, limit: int) -> bytes:
    """The body. Raises ProblemError: 413 past `limit` bytes, 408 past `BODY_SECONDS`, 400 for what is not read here."""
    if BINARY_HEADER in request.headers:
        detail = "binary tensor data is not taken"
        raise refuse(400, detail, "send the values as JSON", field=BINARY_HEADER)
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, limit)
    except TimeoutError as error:
        detail = f"the body did not arrive within {BODY_SECONDS:g} s"
        raise refuse(408, detail, "send the request again", headers={"connection": "close"}) from error
    except ClientDisconnect as error:
        raise refuse(400, "the client went away while it sent its request", "send the request again") from error


async def _read(request: Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> ProblemError:
    return refuse(413, f"the body is larger than {limit} bytes", "send fewer values at once")
