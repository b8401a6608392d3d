"""Follows objects in threads: every transition of a Rollout is told at once, others may wait for what they need to
see, and the weights on its route are kept.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pawl_examples.history import History, Transition
from pawl_examples.kube import Kube, KubeError, Watch
from pawl_examples.weights import Weights

PATIENCE = 1.0
Json = dict[str, Any]


class Stream:
    """A thread that hands on every state of an object, from a watch that is opened anew whenever it ends."""

    def __init__(self, kube: Kube, what: tuple[str, ...], kind: str, take: Callable[[Json], None]) -> None:
        self._kube, self._what, self._kind, self._take = kube, what, kind, take
        self._ended = threading.Event()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._follow, name=f"follower of a {kind}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._ended.set()
        if self._watch is not None:
            self._watch.close()
        self._thread.join(PATIENCE * 10)

    @property
    def broken(self) -> bool:
        """Whether the thread has ended although nobody stopped it."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._ended.is_set()

    def _follow(self) -> None:
        while not self._ended.is_set():
            self._watch = self._kube.watch(*self._what)
            for body in self._watch:
                if body.get("kind") == self._kind:
                    self._take(body)
            self._watch.close()
            self._ended.wait(PATIENCE)


class Follower:
    """Feeds a History with a Rollout, and Weights with the HTTPRoute of the same name."""

    def __init__(self, kube: Kube, namespace: str, name: str, tell: Callable[[Transition], None]) -> None:
        self.history, self.weights = History(f"rollout/{name}"), Weights()
        where = (name, "-n", namespace)
        self._tell = tell
        self._changed = threading.Condition()
        self._rollout = Stream(kube, ("rollouts.pawl.dev", *where), "Rollout", self._take)
        self._route = Stream(kube, ("httproutes.gateway.networking.k8s.io", *where), "HTTPRoute", self.weights.feed)

    def start(self) -> None:
        """Begin to follow."""
        self._rollout.start()
        self._route.start()

    def stop(self) -> None:
        """Stop following."""
        self._rollout.stop()
        self._route.stop()

    def until(self, seen: Callable[[History], bool], seconds: float) -> bool:
        """Wait until `seen` is true of the history; False when that took too long.

        Raises KubeError when nobody follows any more, for example because what the follower told could not be printed.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while not seen(self.history):
                if self._rollout.broken or self._route.broken:
                    raise KubeError(f"{self.history.name}: the follower has ended")
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, PATIENCE))
        return True

    def _take(self, rollout: Json) -> None:
        with self._changed:
            transition = self.history.feed(rollout, datetime.now(UTC))
            self._changed.notify_all()
        if transition is not None:
            self._tell(transition)
