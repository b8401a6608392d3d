"""A small world for the monitor's tests: a release, and rows written with receive times that the test chooses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import Table, insert

from pawl_services.db.engine import Database
from pawl_services.db.tables import feedback, interactions, predictions
from pawl_services.monitor.header import START_MARGIN
from pawl_services.monitor.release import Release

SECOND = 1_000_000
START = 1_764_000_000 * SECOND
STABLE_REVISION, CANDIDATE_REVISION = "aaaaaaaaaa", "bbbbbbbbbb"
REVISIONS = {"stable": STABLE_REVISION, "candidate": CANDIDATE_REVISION}
RIGHT = [{"slot": "CITY", "start": 0, "end": 4, "value": "Oslo"}]
WRONG = [{"slot": "NAME", "start": 0, "end": 4, "value": "Oslo"}]


def make_release(**changes: object) -> Release:
    """A release with windows of ten seconds and five more for labels, users pinned to arms, no pairing."""
    fields: dict[str, object] = {
        "uid": str(uuid4()),
        "namespace": f"n-{uuid4().hex[:12]}",
        "kind": "Rollout",
        "name": "chat",
        "component": "facts",
        "number": 3,
        "candidate": CANDIDATE_REVISION,
        "stable": STABLE_REVISION,
        "started": START + START_MARGIN - SECOND,
        "window": 10 * SECOND,
        "delay": 5 * SECOND,
        "weights": (10, 50, 100),
        "mode": "HashedBucket",
        "pairing": "None",
        "metrics": ("accuracy",),
        "score": "span-f1",
        "slow_factor": 1.3,
    }
    return Release(**{**fields, **changes})  # type: ignore[arg-type]


@dataclass
class World:
    """Writes rows as the collector would, `at` seconds after the start; keeps them for an oracle to read."""

    database: Database
    release: Release
    interactions: list[Mapping[str, object]] = field(default_factory=list)
    feedback: list[Mapping[str, object]] = field(default_factory=list)
    predictions: list[Mapping[str, object]] = field(default_factory=list)

    def say(self, user: str, arm: str, at: float, *, step: int = 1, output: object = RIGHT, **changes: object) -> str:
        """One answered request; its id."""
        moment = micros(at)
        row = {
            "namespace": self.release.namespace,
            "id": str(uuid4()),
            "component": self.release.component,
            "user": user,
            "key_id": "k1",
            "time": moment,
            "received_at": moment,
            "input": "hello",
            "output": output,
            "latency_ms": 20.0,
            "revision": REVISIONS.get(arm),
            "arm": arm,
            "rollout": self.release.uid,
            "release": self.release.number,
            "step": step,
            "confidence": None,
            "session": None,
            "raw": None,
        } | changes
        self.interactions.append(row)
        self._insert(interactions, row)
        return str(row["id"])

    def judge(
        self, interaction: str, at: float, *, truth: object = RIGHT, kind: str = "correction", **changes: object
    ) -> None:
        """One piece of feedback; a correction to `truth` if nothing else is said."""
        moment = micros(at)
        row = {
            "namespace": self.release.namespace,
            "id": str(uuid4()),
            "interaction": interaction,
            "kind": kind,
            "time": moment,
            "received_at": moment,
            "value": {"truth": truth},
        } | changes
        self.feedback.append(row)
        self._insert(feedback, row)

    def predict(self, interaction: str, arm: str, at: float, *, output: object = RIGHT, **changes: object) -> None:
        """What one arm's revision answered to the mirrored request."""
        moment = micros(at)
        row = {
            "namespace": self.release.namespace,
            "interaction": interaction,
            "component": self.release.component,
            "revision": REVISIONS[arm],
            "source": "Mirror",
            "arm": None,
            "output": output,
            "confidence": None,
            "latency_ms": 20.0,
            "time": moment,
            "received_at": moment,
        } | changes
        self.predictions.append(row)
        self._insert(predictions, row)

    def _insert(self, table: Table, row: Mapping[str, object]) -> None:
        with self.database.write() as connection:
            connection.execute(insert(table).values(**row))


def micros(at: float) -> int:
    """Seconds after the start as a receive time."""
    return START + round(at * SECOND)


class SetClockDatabase(Database):
    """A database whose watermark is what the test says it is."""

    now = START

    def watermark(self) -> int:
        """The moment that the test has set."""
        return self.now
