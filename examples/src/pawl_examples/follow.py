"""Follows a Rollout in a thread: every transition is told at once, and others may wait for what they need to see."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pawl_examples.history import History, Transition
from pawl_examples.kube import Kube, KubeError, Watch

PATIENCE = 1.0


class Follower:
    """Feeds a History from a watch that is opened anew whenever it ends."""

    def __init__(self, kube: Kube, namespace: str, name: str, tell: Callable[[Transition], None]) -> None:
        self.history = History(f"rollout/{name}")
        self._kube, self._what = kube, ("rollouts.pawl.dev", name, "-n", namespace)
        self._tell = tell
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._ended.set()
        if self._watch is not None:
            self._watch.close()
        self._thread.join(PATIENCE * 10)

    def until(self, seen: Callable[[History], bool], seconds: float) -> bool:
        """Wait until `seen` is true of the history; False when that took too long.

        Raises KubeError when nobody follows any more, for example because what the follower told could not be printed.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while not seen(self.history):
                if self._thread.ident is not None and not self._thread.is_alive():
                    raise KubeError(f"{self.history.name}: the follower has ended")
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, PATIENCE))
        return True

    def _follow(self) -> None:
        while not self._ended.is_set():
            self._watch = self._kube.watch(*self._what)
            for rollout in self._watch:
                if rollout.get("kind") == "Rollout":
                    self._take(rollout)
            self._watch.close()
            self._ended.wait(PATIENCE)

    def _take(self, rollout: dict[str, object]) -> None:
        with self._changed:
            transition = self.history.feed(rollout, datetime.now(UTC))
            self._changed.notify_all()
        if transition is not None:
            self._tell(transition)
