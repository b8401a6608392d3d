"""Follows one release: takes in what was received, closes windows that are due, commits, and forgets on any failure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from sqlalchemy import Connection

from pawl.evidence import CANDIDATE, STABLE
from pawl.margins import LATENCY
from pawl_services.db.engine import Database
from pawl_services.monitor.accumulate import Group
from pawl_services.monitor.closing import Records, score_window
from pawl_services.monitor.facts import SLICE, Slice, read_records, read_said, read_slice
from pawl_services.monitor.harm import earliest, ever_slower, first_slow, first_wrong
from pawl_services.monitor.latency import ThresholdSampler
from pawl_services.monitor.store import Advance, ClosedBatch, Evidence, GroupKey, commit, counted
from pawl_services.monitor.windows import Fact, OpenWindows, Window

# Windows closed in one transaction: bounds its length and the texts held in memory.
DUE_AT_ONCE = 2_000


class Track:
    """One release's evidence in memory, equal to what is stored; after an exception it must be thrown away.

    Everything is done in bounded steps, so that a caller with little time can stop between any two.

    `skipped` counts labels and answers that could not be scored, `taken` interactions that were read.
    """

    def __init__(self, database: Database, evidence: Evidence, *, slice_size: int = SLICE) -> None:
        self._database = database
        self._slice_size = slice_size
        self.header = evidence.header
        self.groups: Mapping[GroupKey, Group] = dict(evidence.groups)
        self.skipped: Counter[str] = Counter()
        self.taken = 0
        release = evidence.header.release
        self._release = release
        self._windows = OpenWindows(release.window, release.delay)
        self._sampler = ThresholdSampler(release.slow_factor)
        self._before_threshold: list[Fact] = []
        self._threshold = evidence.header.threshold
        # After a restart the open windows are found again, slice by slice like everything else.
        self._replayed, self._replay_until = evidence.header.replay_from, evidence.header.cursor

    @property
    def open_windows(self) -> int:
        """How many users are being observed, counted once a step."""
        return len(self._windows)

    def end(self, moment: int) -> None:
        """Note that the release is over: nothing received after `moment` belongs to it; windows still close."""
        self.header = commit(self._database, Advance(replace(self.header, ended=moment)), moment)

    def reopen(self, now: int) -> None:
        """Note that the release is on its way after all."""
        self.header = commit(self._database, Advance(replace(self.header, ended=None)), now)

    def advance(self, watermark: int) -> bool:
        """Take one bounded step towards `watermark`; True once everything up to it is in."""
        if self._replayed < self._replay_until:
            self._replay()
            return False
        with self._database.read() as connection:
            part = self._read(connection, self.header.cursor, watermark)
            self._observe(connection, part.facts)
            due = self._due(part.until)
            advance = self._advance(connection, part, due)
        changed = bool(advance.batches or part.facts or self.header.version == 0)
        changed = changed or advance.header.first_harm != self.header.first_harm
        self.header = commit(self._database, advance, watermark) if changed else advance.header
        self.groups = {**self.groups, **{batch.key: batch.group for batch in advance.batches}}
        self.taken += len(part.facts)
        self._forget(due)
        return part.until >= watermark and len(due) < DUE_AT_ONCE

    def _replay(self) -> None:
        """Find windows that are open, as they were when the last commit was made."""
        with self._database.read() as connection:
            part = self._read(connection, self._replayed, self._replay_until)
            self._observe(connection, part.facts)
        self._replayed = part.until

    def _read(self, connection: Connection, after: int, until: int) -> Slice:
        part = read_slice(connection, self._release, after, until, self._slice_size)
        ended, key = self.header.ended, self._key_of(part.facts)
        own = [f for f in part.facts if f.key_id == key and (ended is None or f.received_at <= ended)]
        return Slice(own, part.until)

    def _key_of(self, facts: Sequence[Fact]) -> str | None:
        """The key under which this release knows its users: that of its first interaction."""
        return self.header.key_id or (facts[0].key_id if facts else None)

    def _observe(self, connection: Connection, facts: Sequence[Fact]) -> None:
        known = self._counted(connection, facts)
        for fact in facts:
            uncounted = {m for m in self._release.metrics if (fact.step, fact.user) not in known[m]}
            self._windows.observe(fact, uncounted)
            if fact.latency_ms is not None and self._waits():
                self._sample(fact, fact.latency_ms)

    def _sample(self, fact: Fact, latency_ms: float) -> None:
        if fact.arm == STABLE:
            self._threshold = self._sampler.observe(latency_ms)
        else:
            self._before_threshold = ever_slower(self._before_threshold, fact)

    def _counted(self, connection: Connection, facts: Iterable[Fact]) -> dict[str, set[tuple[int, str]]]:
        """By metric, who among those who have no open window was counted before, and in which step."""
        new: dict[int, set[str]] = defaultdict(set)
        for fact in facts:
            if (fact.step, fact.user) not in self._windows:
                new[fact.step].add(fact.user)
        return {
            metric: {
                (step, user)
                for step, users in new.items()
                for user in counted(connection, self._release, (step, metric), users)
            }
            for metric in self._release.metrics
        }

    def _due(self, until: int) -> list[tuple[Window, set[str]]]:
        """Windows to close now, with the metrics to close: a latency waits until it is known what slow means."""
        waits = self._waits()
        closing = ((w, w.pending - waits if w.timed else set(w.pending)) for w in self._windows.due(until))
        return list(islice(((window, metrics) for window, metrics in closing if metrics), DUE_AT_ONCE))

    def _waits(self) -> set[str]:
        return {LATENCY} & set(self._release.metrics) if self._threshold is None else set()

    def _advance(self, connection: Connection, part: Slice, due: Sequence[tuple[Window, set[str]]]) -> Advance:
        live = [fact for fact in part.facts if fact.arm == CANDIDATE]
        header = replace(
            self.header,
            cursor=part.until,
            closed=self.header.closed if len(due) == DUE_AT_ONCE or self._waits() else part.until,
            threshold=self._threshold,
            key_id=self._key_of(part.facts),
            exposed_requests=self.header.exposed_requests + len(live),
            first_harm=self._first_harm(connection, part, live),
        )
        batches = self._close(connection, due)
        return Advance(header, [fact.user for fact in live], batches)

    def _first_harm(self, connection: Connection, part: Slice, live: Sequence[Fact]) -> int | None:
        moments = [self.header.first_harm]
        if LATENCY in self._release.metrics and self._threshold is not None:
            moments.append(first_slow([*self._before_threshold, *live], self._threshold))
            self._before_threshold = []
        if self._release.needs_labels:
            ids = [fact.id for fact in live]
            said = read_said(connection, self._release, self.header.cursor, part.until, ids)
            moments.append(first_wrong(self._release, said))
        return earliest(moments)

    def _close(self, connection: Connection, due: Sequence[tuple[Window, set[str]]]) -> list[ClosedBatch]:
        records = Records()
        if self._release.needs_labels and due:
            records = read_records(connection, self._release, (w for w, metrics in due if metrics - {LATENCY}))
        by_group: dict[GroupKey, list[Window]] = defaultdict(list)
        for window, metrics in due:
            for metric in metrics:
                by_group[window.step, metric].append(window)
        return [self._batch(key, windows, records) for key, windows in sorted(by_group.items())]

    def _batch(self, key: GroupKey, windows: Sequence[Window], records: Records) -> ClosedBatch:
        step, metric = key
        users = [
            score_window(self._release, window, metric, records, self._threshold, self.skipped) for window in windows
        ]
        before = self.groups.get(key) or Group.new()
        group, totals = before.close(users, self._release.questions(metric, step))
        return ClosedBatch(key, group, totals, [user.user for user in users])

    def _forget(self, closed: Iterable[tuple[Window, set[str]]]) -> None:
        for window, metrics in closed:
            window.pending -= metrics
            # Only latencies may have to wait; whose answers they were is no longer needed.
            window.interactions.clear()
            if not window.pending:
                self._windows.forget(window)
