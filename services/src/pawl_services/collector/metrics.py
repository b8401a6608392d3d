"""What the collector counts."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pawl_services.db.writer import Writer, Written

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 5, 10, 50, 100, 500, 1000, 2500, 5000, 10_000)


class CollectorMetrics:
    """Counters by kind of record, and what the writer sees of the database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._records = Counter(
            "pawl_collector_records", "Records made durable or known.", ["kind", "outcome"], registry=registry
        )
        self._exported = Counter("pawl_collector_examples", "Examples streamed out.", registry=registry)
        self._refused = Counter("pawl_collector_refused", "Requests refused.", ["reason"], registry=registry)
        self._commits = Counter("pawl_collector_commits", "Transactions.", ["outcome"], registry=registry)
        self._seconds = Histogram(
            "pawl_collector_commit_seconds", "Time of a transaction.", buckets=_SECONDS, registry=registry
        )
        self._rows = Histogram("pawl_collector_commit_rows", "Rows in a transaction.", buckets=_ROWS, registry=registry)

    def watch(self, writer: Writer) -> None:
        """Export the length of the writer's queue."""
        rows = Gauge("pawl_collector_queue_rows", "Rows that wait for a commit.", registry=self._registry)
        size = Gauge("pawl_collector_queue_bytes", "Bytes that wait for a commit.", registry=self._registry)
        rows.set_function(lambda: writer.queued_rows)
        size.set_function(lambda: writer.queued_bytes)

    def watch_bodies(self, held: Callable[[], int]) -> None:
        """Export the bytes of the bodies that are inside."""
        size = Gauge(
            "pawl_collector_active_bytes", "Bytes kept for bodies of requests at work.", registry=self._registry
        )
        size.set_function(held)

    def committed(self, rows: int, seconds: float, done: bool) -> None:
        """One transaction ended."""
        self._commits.labels("committed" if done else "failed").inc()
        self._seconds.observe(seconds)
        if done:
            self._rows.observe(rows)

    def written(self, kind: str, written: Written) -> None:
        """One request was answered."""
        self._records.labels(kind, "accepted").inc(written.accepted)
        self._records.labels(kind, "duplicate").inc(written.duplicates)

    def exported(self, count: int) -> None:
        """Some examples were read to be sent."""
        self._exported.inc(count)

    def refused(self, reason: str) -> None:
        """One request was turned away."""
        self._refused.labels(reason).inc()
