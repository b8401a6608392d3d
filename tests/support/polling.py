"""Waits for a condition, with a bound, instead of sleeping for a guess."""

import threading
import time
from collections.abc import Callable

PAUSE = 0.05


def wait_until(
    condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: "", every: float = PAUSE
) -> None:
    """Return once `condition()` is true; fail with `explain()` when it is not within `seconds`.

    It is asked again `every` so many seconds: a condition that starts a program needs a longer pause.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition} {explain()}"
        pause.wait(every)
