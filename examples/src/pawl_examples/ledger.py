"""Counts every answer that the application got, so that lost requests, shares and stickiness can be checked."""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

CANDIDATE, STABLE = "candidate", "stable"


@dataclass(frozen=True)
class Row:
    """One request: who asked when (`sent`, `ended`: seconds since the epoch), who answered, and how it ended.

    `status` is the HTTP status, 0 where no answer came. `scenario` names the release the application was replaying.
    """

    scenario: str
    user: str
    sent: float
    ended: float
    status: int
    arm: str = ""
    revision: str = ""
    release: int = 0
    step: int = 0
    error: str = ""
    rollout: str = ""


@dataclass(frozen=True)
class Share:
    """What one step of a release saw: requests and people in all and on the candidate."""

    requests: int
    people: int
    candidate_requests: int
    candidate_people: int

    @property
    def by_people(self) -> float:
        """Share of people on the candidate, 0 to 1."""
        return self.candidate_people / self.people if self.people else 0.0

    @property
    def by_requests(self) -> float:
        """Share of requests on the candidate, 0 to 1."""
        return self.candidate_requests / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Exposure:
    """Who met a bad version live: distinct people and requests."""

    people: int
    requests: int


class Ledger:
    """All rows of a run; safe to use from several threads."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._lock = threading.Lock()

    def add(self, row: Row) -> None:
        """Count one request."""
        with self._lock:
            self._rows.append(row)

    def rows(self) -> tuple[Row, ...]:
        """Every request so far, in the order in which they ended."""
        with self._lock:
            return tuple(self._rows)


def lost(rows: Iterable[Row], scenario: str) -> list[Row]:
    """Requests of one scenario that got no good answer."""
    return [row for row in rows if row.scenario == scenario and row.status != 200]


def share(rows: Iterable[Row], release: int, step: int) -> Share:
    """What was seen in one step; an answer that failed counts, as long as the gateway says whose it was."""
    own = [row for row in rows if (row.release, row.step) == (release, step) and row.arm]
    candidate = [row for row in own if row.arm == CANDIDATE]
    return Share(len(own), len(_people(own)), len(candidate), len(_people(candidate)))


def exposure(rows: Iterable[Row], release: int, start: float, end: float) -> Exposure:
    """Who was answered (well or not) by the candidate of a release from `start` to `end` (seconds since the epoch)."""
    own = [row for row in rows if row.release == release and row.arm == CANDIDATE and start <= row.ended <= end]
    return Exposure(len(_people(own)), len(own))


def strays(rows: Iterable[Row], release: int, turned: float | None) -> list[str]:
    """Breaks of stickiness in a release, as sentences; none is right.

    Within a step nobody changes arms, on the way up nobody leaves the candidate, and after a rollback everybody is on
    stable. `turned`: when the rollback began to reach the gateway (None for a release that was promoted); requests
    that were on their way at that moment may be on either side.
    """
    own = sorted((row for row in rows if row.release == release and row.arm), key=lambda row: row.sent)
    before = [row for row in own if turned is None or row.ended < turned]
    return [*_changed_within_step(before), *_left_on_the_way_up(before)]


def left_behind(rows: Iterable[Row], back: float) -> list[str]:
    """People still answered by a candidate although they asked after `back`, when the route was verified at stable."""
    return [f"{row.user} was on the candidate {row.sent - back:.1f} s after" for row in _late(rows, back)]


def _late(rows: Iterable[Row], back: float) -> list[Row]:
    return [row for row in rows if row.arm == CANDIDATE and row.sent > back]


def _changed_within_step(rows: list[Row]) -> list[str]:
    arms: dict[tuple[int, str], set[str]] = defaultdict(set)
    for row in rows:
        # Step 0 is a route out of every step: everybody is on stable there.
        if row.step:
            arms[row.step, row.user].add(row.arm)
    return [f"{user} met both arms in step {step}" for (step, user), met in arms.items() if len(met) > 1]


def _left_on_the_way_up(rows: list[Row]) -> list[str]:
    first: dict[str, int] = {}
    for row in rows:
        if row.arm == CANDIDATE:
            first[row.user] = min(first.get(row.user, row.step), row.step)
    return [
        f"{row.user} left the candidate in step {row.step} (on it since step {first[row.user]})"
        for row in rows
        if row.arm == STABLE and row.step > first.get(row.user, row.step)
    ]


def _people(rows: Iterable[Row]) -> set[str]:
    return {row.user for row in rows}
