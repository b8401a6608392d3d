"""How long each part of the demo took, for people and for the report."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Phases:
    """Named times in seconds, in the order in which they ended; parts that run beside each other overlap."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.seconds: dict[str, float] = {}

    @property
    def total(self) -> float:
        """Seconds since the first of all."""
        return time.monotonic() - self._began

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside, told when it has ended well."""
        start = time.monotonic()
        yield
        took = time.monotonic() - start
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + took
        self._say(f"{name}: {took:.1f} s")

    def mark(self, name: str) -> None:
        """Note the seconds since the beginning, once."""
        with self._lock:
            self.seconds.setdefault(name, self.total)
