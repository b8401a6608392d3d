"""Turns a record into JSON bytes that the collector takes, whatever values the application had in it."""

import math
from collections.abc import Mapping

from pydantic_core import PydanticSerializationError, to_json

MAX_DEPTH = 100
REPLACEMENT = "\ufffd"


class NotEncodableError(ValueError):
    """The record holds something that has no JSON form."""


def encode(record: Mapping[str, object]) -> bytes:
    """The record's JSON, taken now, so that later changes by the application do not reach it.

    U+0000 and lone surrogates become U+FFFD, numbers that are not finite become null. Raises NotEncodableError.
    """
    try:
        encoded = to_json(record)
    except (PydanticSerializationError, ValueError):
        return _encode_mended(record)
    if b"\\u0000" in encoded or b"NaN" in encoded or b"Infinity" in encoded:
        return _encode_mended(record)
    return encoded


def _encode_mended(record: Mapping[str, object]) -> bytes:
    try:
        return to_json(_mend(record, MAX_DEPTH))
    except (PydanticSerializationError, ValueError) as error:
        raise NotEncodableError(f"a value has no JSON form ({type(error).__name__})") from None


def _mend(value: object, depth: int) -> object:
    if depth == 0:
        raise NotEncodableError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        return value.encode(errors="replace").decode().replace("\x00", REPLACEMENT) if _is_odd(value) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_mend(key, depth - 1): _mend(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_mend(item, depth - 1) for item in value]
    return value


def _is_odd(text: str) -> bool:
    return "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text)
