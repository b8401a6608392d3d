"""The model server's own metrics; each carries component and revision, so both arms can be told apart."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LABELS = ("component", "revision")


@dataclass(frozen=True)
class ModelMetrics:
    """Counts live requests apart from mirrored ones, which no user sees."""

    requests: Counter
    seconds: Histogram
    mirrored: Counter
    dropped: Counter
    loaded: Gauge
    load_seconds: Gauge
    running: Gauge
    waiting: Gauge
    component: str
    revision: str

    @classmethod
    def on(cls, registry: CollectorRegistry, component: str, revision: str) -> "ModelMetrics":
        """Register the metrics of one model on `registry`."""

        def gauge(name: str, text: str) -> Gauge:
            found = Gauge(f"pawl_modelserver_{name}", text, _LABELS, registry=registry)
            found.labels(component, revision).set(0)
            return found

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"pawl_modelserver_{name}", text, (*_LABELS, *labels), registry=registry)

        return cls(
            requests=counter("requests", "Live requests for an answer, by code.", "code"),
            seconds=Histogram(
                "pawl_modelserver_request_seconds",
                "Time to answer a live request, with its wait for a thread.",
                _LABELS,
                buckets=_BUCKETS,
                registry=registry,
            ),
            mirrored=counter("mirrored", "Mirrored requests, by code.", "code"),
            dropped=counter("mirrored_dropped", "Answers to mirrored requests that were not reported.", "reason"),
            loaded=gauge("loaded", "1 once the verified model is loaded."),
            load_seconds=gauge("load_seconds", "Time to verify and load the model."),
            running=gauge("predictions_running", "Predictions that hold a thread."),
            waiting=gauge("predictions_waiting", "Requests that wait for a thread."),
            component=component,
            revision=revision,
        )

    def answered(self, code: int, seconds: float, *, mirrored: bool) -> None:
        """Record the outcome of one request."""
        if mirrored:
            self.mirrored.labels(self.component, self.revision, code).inc()
            return
        self.requests.labels(self.component, self.revision, code).inc()
        self.seconds.labels(self.component, self.revision).observe(seconds)

    def drop(self, reason: str, count: int = 1) -> None:
        """Record answers that will not be reported."""
        self.dropped.labels(self.component, self.revision, reason).inc(count)

    def set(self, gauge: Gauge, value: float) -> None:
        """Set one of the gauges of this model."""
        gauge.labels(self.component, self.revision).set(value)
