"""Progress lines: what is being done, and at which second."""

import sys
import time
from collections.abc import Callable

Report = Callable[[str], None]

_STARTED = time.monotonic()


def to_stderr(line: str) -> None:
    """Print one progress line with the seconds since this process began."""
    print(f"[{time.monotonic() - _STARTED:6.1f}s] {line}", file=sys.stderr, flush=True)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def seconds(self) -> float:
        """Return the seconds that have passed."""
        return time.monotonic() - self._begin
