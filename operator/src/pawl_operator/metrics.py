"""What the operator says about itself in Prometheus text.

Labels name objects, never releases or revisions: a label per release would grow for ever. They are called
object_namespace and object because `namespace` would be overwritten by the scraping target's own label.
"""

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

OBJECT = ("object_namespace", "object")


class OperatorMetrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.weight_desired = Gauge(
            "pawl_rollout_weight_desired", "Candidate weight asked for, percent", OBJECT, registry=registry
        )
        self.weight_verified = Gauge(
            "pawl_rollout_weight_verified", "Candidate weight the gateway accepted, percent", OBJECT, registry=registry
        )
        self.verdicts = Counter("pawl_rollout_verdicts", "Verdicts by result", (*OBJECT, "result"), registry=registry)
        self.rollbacks = Counter("pawl_rollout_rollback", "Rollbacks by cause", (*OBJECT, "cause"), registry=registry)
        self.breach_to_verified = Histogram(
            "pawl_rollout_breach_to_verified_seconds",
            "From the evidence that failed a release to the route verified at stable",
            buckets=(0.5, 1, 2, 5, 10, 20, 60, 120, 300),
            registry=registry,
        )
        self.evidence_age = Gauge(
            "pawl_rollout_evidence_age_seconds",
            "Age of the oldest of the newest evidence of live releases",
            registry=registry,
        )
        self.drift = Counter(
            "pawl_rollout_route_drift", "Routes found changed by somebody else", OBJECT, registry=registry
        )
        self.training_attempts = Counter(
            "pawl_training_attempts", "Attempts of TrainingRuns that ended", ("engine", "reason"), registry=registry
        )
        self.queue_depth = Gauge("pawl_operator_queue_depth", "Objects due or in work", registry=registry)
        self.queue_oldest = Gauge(
            "pawl_operator_queue_oldest_seconds", "Age of the oldest due object", registry=registry
        )
        self.reconcile_seconds = Histogram(
            "pawl_operator_reconcile_seconds", "Time of one pass", ("kind",), registry=registry
        )
        self.reconcile_errors = Counter(
            "pawl_operator_reconcile_errors", "Passes that failed, by what failed", ("kind", "error"), registry=registry
        )
        self.missed_events = Counter(
            "pawl_operator_watch_missed",
            "Changes that a resync found and the watch had not shown",
            ("kind",),
            registry=registry,
        )
        self.prometheus_errors = Counter(
            "pawl_operator_prometheus_errors", "Failed queries to Prometheus", registry=registry
        )
        self.loop_lag = Gauge(
            "pawl_operator_loop_lag_seconds", "How late the event loop last woke up", registry=registry
        )
        self.leading = Gauge("pawl_operator_leading", "1 while this process holds the Lease", registry=registry)

    def render(self) -> bytes:
        """Return all metrics as Prometheus text."""
        return generate_latest(self.registry)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the gauges of an object that is gone."""
        for gauge in (self.weight_desired, self.weight_verified):
            with suppress(KeyError):
                gauge.remove(namespace, name)
