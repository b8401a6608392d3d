"""Bounded waiting for a condition."""

import time
from collections.abc import Callable

from pawl_devcluster.errors import DevclusterError


def until(what: str, condition: Callable[[], bool], limit: float = 120.0, pause: float = 0.1) -> None:
    """Poll `condition` every `pause` seconds; raises DevclusterError naming `what` after `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise DevclusterError(f"Waited {limit:.0f} s for {what} in vain.")
        time.sleep(pause)
