"""Follows objects in threads: every transition of a Rollout is told at once, others may wait for what they need to
see, and the weights on its route are kept.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from pawl_examples.history import History, Transition
from pawl_examples.kube import KubeError
from pawl_examples.weights import Weights

PATIENCE = 1.0
Json = dict[str, Any]


class States(Protocol):
    """The states of an object as they come; iteration ends when the stream is closed or the server ends it."""

    def __iter__(self) -> Iterator[Json]: ...

    def close(self) -> None:
        """End the stream; closing it twice is no error."""


class Watcher(Protocol):
    """What a follower needs of a cluster; `Kube` is the real one."""

    def watch(self, *what: str) -> States:
        """Follow objects; the caller closes what is returned."""


class Stream:
    """A thread that hands on every state of an object, from a watch that is opened anew whenever it ends."""

    def __init__(self, cluster: Watcher, what: tuple[str, ...], kind: str, take: Callable[[Json], None]) -> None:
        self._cluster, self._what, self._kind, self._take = cluster, what, kind, take
        self._ended = threading.Event()
        self._watch: States | None = None
        self._failure: BaseException | None = None
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

    def check(self) -> None:
        """Raise KubeError if the thread has ended although nobody stopped it."""
        if self._failure is not None:
            name = f"{self._kind.lower()}/{self._what[1]}"
            remedy = "run the demo again, and report this if it comes back"
            raise KubeError(f"{name}: the follower has ended ({self._failure!r}); {remedy}") from self._failure

    def _follow(self) -> None:
        try:
            while not self._ended.is_set():
                self._read(self._cluster.watch(*self._what))
                self._ended.wait(PATIENCE)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits, by `check`
            # A watch that was closed under our hands is no failure.
            if not self._ended.is_set():
                self._failure = error

    def _read(self, watch: States) -> None:
        self._watch = watch
        # Whoever stopped us a moment ago did not know of this watch.
        for body in () if self._ended.is_set() else watch:
            if body.get("kind") == self._kind:
                self._take(body)
        watch.close()


class Follower:
    """Feeds a History with a Rollout, and Weights with the HTTPRoute of the same name."""

    def __init__(self, cluster: Watcher, namespace: str, name: str, tell: Callable[[Transition], None]) -> None:
        self.history, self.weights = History(f"rollout/{name}"), Weights()
        where = (name, "-n", namespace)
        self._tell = tell
        self._changed = threading.Condition()
        self._rollout = Stream(cluster, ("rollouts.pawl.dev", *where), "Rollout", self._take)
        self._route = Stream(cluster, ("httproutes.gateway.networking.k8s.io", *where), "HTTPRoute", self.weights.feed)

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
                self._rollout.check()
                self._route.check()
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
