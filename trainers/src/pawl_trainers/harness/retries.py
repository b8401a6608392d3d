"""Tries again what another service could not answer: a few times, ever later, with jitter, never past a deadline."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from pawl.errors import DependencyUnavailable, PermissionDenied
from pawl_trainers.trainer import TrainingError

Answer = TypeVar("Answer")
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """At most `attempts` within `seconds` altogether; waits are uniform below a bound that doubles from `first`.

    Full jitter, as in "Exponential Backoff and Jitter" (M. Brooker, 2015): many runs never ask in step.
    """

    attempts: int = 6
    seconds: float = 900.0
    first: float = 1.0
    longest: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: random.Random = field(default_factory=random.SystemRandom)

    def wait_before(self, attempt: int) -> float:
        """Return the seconds to wait before attempt number `attempt`, which is at least 2."""
        return self.chance.uniform(0, min(self.longest, self.first * 2 ** (attempt - 2)))


def patiently(call: Callable[[float], Answer], patience: Patience) -> Answer:
    """Return what `call` returns, given the moment of `patience.clock` by which it must be done.

    Raises the last DependencyUnavailable once the attempts or the time are used up, and any other error at once.
    """
    deadline = patience.clock() + patience.seconds
    attempt = 1
    while True:
        try:
            return call(deadline)
        except DependencyUnavailable:
            attempt += 1
            wait = patience.wait_before(attempt)
            if attempt > patience.attempts or patience.clock() + wait >= deadline:
                raise
            patience.sleep(wait)


def require_ok(reply: httpx.Response, what: str) -> None:
    """Raise DependencyUnavailable, PermissionDenied or TrainingError where a (read) answer is not a success."""
    if reply.is_success:
        return
    said = f"{what} answered {reply.status_code}: {reply.text[:300]}"
    if reply.status_code in _PASSING:
        raise DependencyUnavailable(said, remedy="try again once it is well")
    if reply.status_code in {401, 403}:
        raise PermissionDenied(said, remedy="give the trainer a key that may read this component")
    raise TrainingError(said)
