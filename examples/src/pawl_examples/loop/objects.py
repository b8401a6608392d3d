"""Follows every object of some kinds in one namespace: what each says last, and a line whenever that changes."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pawl_examples.follow import Stream, Watcher
from pawl_examples.history import Transition
from pawl_examples.kube import KubeError

PATIENCE, TENTH = 1.0, 10
KINDS = {
    "LearningLoop": "learningloops.pawl.dev",
    "TrainingRun": "trainingruns.pawl.dev",
    "Experiment": "experiments.pawl.dev",
}
Json = dict[str, Any]
Key = tuple[str, str]


class Objects:
    """Threads that follow; `of` and `until` may be called from any other."""

    def __init__(self, cluster: Watcher, namespace: str, tell: Callable[[Transition], None]) -> None:
        self._tell = tell
        self._latest: dict[Key, Json] = {}
        self._shown: dict[Key, str] = {}
        self._changed = threading.Condition()
        self._streams: Sequence[Stream] = [
            Stream(cluster, (plural, "-n", namespace), kind, self._take) for kind, plural in KINDS.items()
        ]

    def start(self) -> None:
        """Begin to follow."""
        for stream in self._streams:
            stream.start()

    def stop(self) -> None:
        """Stop following."""
        for stream in self._streams:
            stream.stop()

    def of(self, kind: str, name: str) -> Json:
        """What an object said last; empty where it was never seen."""
        with self._changed:
            return self._latest.get((kind, name), {})

    def until(self, kind: str, name: str, seen: Callable[[Json], bool], seconds: float) -> bool:
        """Wait until `seen` is true of an object's status; False when that took too long.

        Raises KubeError when nobody follows any more.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while not seen(status_of(self._latest.get((kind, name), {}))):
                for stream in self._streams:
                    stream.check()
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, PATIENCE))
        return True

    def expect(self, kind: str, name: str, seen: Callable[[Json], bool], seconds: float, else_: str) -> Json:
        """Wait like `until` and return the status; raises KubeError, which says `else_`, when it took too long."""
        reached = self.until(kind, name, seen, seconds)
        status = status_of(self.of(kind, name))
        if not reached:
            last = status.get("message", "it was never there")
            raise KubeError(f"{kind} {name}: {else_} within {seconds:.0f} s; last: {last}")
        return status

    def _take(self, body: Json) -> None:
        key, status = (body["kind"], body["metadata"]["name"]), status_of(body)
        with self._changed:
            self._latest[key] = body
            before, after = self._shown.get(key, "-"), describe(body["kind"], status)
            self._shown[key] = after
            self._changed.notify_all()
        if after != before:
            name = f"{body['kind'].lower()}/{body['metadata']['name']}"
            self._tell(Transition(datetime.now(UTC), name, before, after, str(status.get("message", ""))))


def status_of(body: Json) -> Json:
    """The status of an object, empty where it has none."""
    found: Json = body.get("status") or {}
    return found


def describe(kind: str, status: Json) -> str:
    """One short phrase for where an object stands."""
    phase = str(status.get("phase") or "new")
    if kind == "Experiment" and status.get("decision"):
        return str(status["decision"])
    tenths = int(status.get("progress") or 0) // TENTH
    if kind == "TrainingRun" and phase == "Running" and tenths:
        return f"{phase} {tenths * TENTH} %"
    return phase
