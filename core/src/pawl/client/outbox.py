"""A bounded queue between the application and the sending thread; full means dropped and counted, never waiting."""

import threading
import time
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One encoded record; `kind` is the collector's route: interactions or feedback."""

    kind: str
    body: bytes


class Outbox:
    """Bounded in records and bytes. What the sender took counts as inside until it says `done`."""

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._items: deque[Item] = deque()
        self._count = 0
        self._bytes = 0
        self._hurry = False
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return self._count

    def put(self, item: Item, wake_at: int) -> bool:
        """Queue an item, waking the sender once `wake_at` are waiting; False when there is no room."""
        with self._changed:
            if self._closed or self._count >= self._max_items or self._bytes + len(item.body) > self._max_bytes:
                return False
            self._items.append(item)
            self._count += 1
            self._bytes += len(item.body)
            if len(self._items) in {1, wake_at}:
                self._changed.notify_all()
            return True

    def take(self, most: int, max_bytes: int, linger: float) -> list[Item]:
        """Wait for items, then up to `linger` seconds for `most`; empty once closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            deadline = time.monotonic() + linger
            while len(self._items) < most and not self._hurry and not self._closed:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
            return self._pop(most, max_bytes)

    def _pop(self, most: int, max_bytes: int) -> list[Item]:
        taken: list[Item] = []
        size = 0
        while self._items and len(taken) < most:
            size += len(self._items[0].body)
            if taken and size > max_bytes:
                break
            taken.append(self._items.popleft())
        return taken

    def done(self, items: list[Item]) -> None:
        """These items are gone for good, sent or given up."""
        with self._changed:
            self._count -= len(items)
            self._bytes -= sum(len(item.body) for item in items)
            self._changed.notify_all()

    def wait_empty(self, timeout: float) -> bool:
        """Ask the sender to hurry and wait until nothing is left; False when that takes longer than `timeout` s."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._count == 0, timeout)
            finally:
                self._hurry = False

    def close(self) -> None:
        """Take nothing more; the sender ends when it has seen the rest."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def pause(self, seconds: float) -> bool:
        """Wait before a retry, at most until closed; True when closed."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, seconds)
