"""What is remembered of a release as a whole: its frozen plan, how far it was read, and what has no step or metric."""

from dataclasses import dataclass
from typing import Any, Self

from pawl_services.monitor.release import Release

# The operator's clock and the database's may differ; nothing of a release was received this long before its start.
START_MARGIN = 600_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """Times in microseconds, `threshold` in milliseconds.

    `version` grows by one with every commit: whoever still has an older one has lost the lead and may not write.
    Interactions up to `cursor` were taken in; windows that close up to `closed` were counted. `ended` is when the
    release was first seen to be over: what came in later is not part of it. `key_id` names the key under which the
    release's users are known: under another one the same people would be counted again.
    """

    release: Release
    version: int
    start: int
    cursor: int
    closed: int
    threshold: float | None = None
    exposed_users: int = 0
    exposed_requests: int = 0
    first_harm: int | None = None
    ended: int | None = None
    key_id: str | None = None

    @classmethod
    def new(cls, release: Release) -> Self:
        """Nothing read yet."""
        start = max(0, release.started - START_MARGIN)
        return cls(release, 0, start, start, start)

    @property
    def replay_from(self) -> int:
        """From where to read again after a restart, to find every window that is still open."""
        return max(self.start, self.closed - self.release.window - self.release.delay)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "release": self.release.to_json(),
            "version": self.version,
            "start": self.start,
            "cursor": self.cursor,
            "closed": self.closed,
            "threshold": self.threshold,
            "exposedUsers": self.exposed_users,
            "exposedRequests": self.exposed_requests,
            "firstHarm": self.first_harm,
            "ended": self.ended,
            "keyId": self.key_id,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(
            release=Release.from_json(value["release"]),
            version=int(value["version"]),
            start=int(value["start"]),
            cursor=int(value["cursor"]),
            closed=int(value["closed"]),
            threshold=value["threshold"],
            exposed_users=int(value["exposedUsers"]),
            exposed_requests=int(value["exposedRequests"]),
            first_harm=value["firstHarm"],
            ended=value["ended"],
            key_id=value["keyId"],
        )
