"""Lets requests in within two bounds, how many at once and how many bytes of bodies, before a body is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


class FullError(Exception):
    """A bound is reached; the message is one sentence that says which."""


@dataclass
class Place:
    """What one request holds: `size` bytes, the most that its body can come to, or less once that is known."""

    size: int


class Admission:
    """Counts what is inside, for one event loop. Both bounds are shared by all requests; `body_bytes` in bytes."""

    def __init__(self, requests: int, body_bytes: int) -> None:
        self._most_requests = requests
        self._most_bytes = body_bytes
        self._requests = 0
        self._bytes = 0

    @property
    def body_bytes(self) -> int:
        """Bytes that are kept for the bodies of the requests inside."""
        return self._bytes

    @contextmanager
    def place(self, size: int, share: float = 1.0) -> Iterator[Place]:
        """Keep a place for a body of at most `size` bytes, within `share` (0 to 1) of both bounds. Raises FullError.

        A body larger than the bound is let in when no other is inside.
        """
        if self._requests >= max(1, int(self._most_requests * share)):
            raise FullError("too many requests at once")
        if self._bytes and self._bytes + size > self._most_bytes * share:
            raise FullError("the bodies of the requests at work are as large together as they may be")
        place = Place(size)
        self._requests += 1
        self._bytes += size
        try:
            yield place
        finally:
            self._requests -= 1
            self._bytes -= place.size

    def settle(self, place: Place, size: int) -> None:
        """The body came and has `size` bytes: what was kept beyond them is free again."""
        self._bytes -= place.size - size
        place.size = size


def most_bytes(headers: Mapping[str, str], limit: int) -> int:
    """The most that a body can come to: its declared length where it is sent as it is, else `limit`."""
    declared = headers.get("content-length", "")
    plain = headers.get("content-encoding", "identity").strip().lower() in {"identity", ""}
    return min(int(declared), limit) if plain and declared.isdecimal() else limit
