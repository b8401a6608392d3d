"""Reads a request's body within bounds, and unpacks gzip without ever holding more than the bound."""

import zlib

from fastapi import Request

from pawl_services.web.problem import Problem, ProblemError

_GZIP = 16 + zlib.MAX_WBITS


async def read_body(request: Request, limit: int) -> bytes:
    """The body, unpacked. Raises ProblemError: 413 past `limit` bytes, 415 for a type or encoding we do not read."""
    _check_type(request)
    unpack = _unpacker(request)
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise ProblemError(too_large(limit))
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        part = _expand(unpack, chunk, limit - size + 1) if unpack else chunk
        size += len(part)
        if size > limit:
            raise ProblemError(too_large(limit))
        parts.append(part)
    if unpack and not unpack.eof:
        raise ProblemError(Problem(400, "the gzip body ends early", "send the whole body"))
    return b"".join(parts)


def too_large(limit: int) -> Problem:
    """The 413 of a body over `limit` bytes."""
    return Problem(413, f"the body is larger than {limit} bytes", "send smaller batches", "Too large")


def _check_type(request: Request) -> None:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ProblemError(
            Problem(415, "the body is not JSON", "send it as application/json", field="Content-Type", value=kind)
        )


def _unpacker(request: Request) -> "zlib._Decompress | None":
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return None
    if encoding == "gzip":
        return zlib.decompressobj(_GZIP)
    raise ProblemError(
        Problem(415, "the encoding is not read here", "use gzip or none", field="Content-Encoding", value=encoding)
    )


def _expand(unpack: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(chunk, most)
    except zlib.error:
        raise ProblemError(Problem(400, "the body is not gzip", "correct Content-Encoding or the body")) from None
