"""Which users are being observed: a window opens with a user's first interaction in a step and closes once, by the
clock of the database.

Every time here is a receive time. A user's totals are therefore a function of what the database holds, and of nothing
else: when the monitor looked, how often it was restarted and what the clients' clocks say makes no difference. An
interaction counts if it was received within `window` of the first, a label if it was received until `delay` later.
"""

from array import array
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from uuid import UUID

from pawl.evidence import CANDIDATE, STABLE


@dataclass(frozen=True, slots=True)
class Fact:
    """A live interaction without its texts. Times in microseconds, latency in milliseconds."""

    id: str
    user: str
    key_id: str
    step: int
    arm: str
    time: int
    received_at: int
    latency_ms: float | None


@dataclass(slots=True)
class Window:
    """One user in one step. `pending` are the metrics for which this user has not been counted yet.

    Interactions are kept as 16 bytes each and latencies as 8: answers and labels are read when the window closes.
    """

    user: str
    step: int
    opened: int
    closes: int
    assigned: str
    pending: set[str]
    interactions: list[bytes] = field(default_factory=list)
    latencies: "dict[str, array[float]]" = field(default_factory=lambda: {STABLE: array("d"), CANDIDATE: array("d")})

    @property
    def timed(self) -> bool:
        """Whether any answer of this user has a latency."""
        return any(self.latencies.values())

    def ids(self) -> list[str]:
        """The interactions' ids as the database has them."""
        return [str(UUID(bytes=raw)) for raw in self.interactions]


class OpenWindows:
    """The windows of one release; facts must come in the order in which they were received."""

    def __init__(self, length: int, delay: int) -> None:
        self._length, self._delay = length, delay
        self._open: dict[tuple[int, str], Window] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, key: object) -> bool:
        return key in self._open

    def observe(self, fact: Fact, uncounted: Set[str]) -> None:
        """Take in one interaction; `uncounted` are the metrics for which its user may still be counted in its step."""
        window = self._open.get((fact.step, fact.user))
        if window is None:
            if not uncounted:
                return
            closes = fact.received_at + self._length + self._delay
            window = Window(fact.user, fact.step, fact.received_at, closes, fact.arm, set(uncounted))
            self._open[fact.step, fact.user] = window
        if fact.received_at < window.opened + self._length:
            window.interactions.append(UUID(fact.id).bytes)
            if fact.latency_ms is not None:
                window.latencies[fact.arm].append(fact.latency_ms)

    def due(self, watermark: int) -> Iterator[Window]:
        """The windows whose labels are complete at this watermark, oldest first; they stay until `forget`."""
        # Windows were opened in the order of receive times and all are equally long: the first that is open ends it.
        for window in self._open.values():
            if window.closes > watermark:
                return
            yield window

    def forget(self, window: Window) -> None:
        """Drop a window that was counted for every metric."""
        del self._open[window.step, window.user]
