"""The monitor's metrics about itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pawl_services.monitor.engine import Engine

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class MonitorMetrics:
    """Registered once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leader = Gauge("pawl_monitor_leader", "1 while this process holds the Lease.", registry=registry)
        self.ticks = Counter("pawl_monitor_ticks", "Looks at the database.", ["outcome"], registry=registry)
        self.seconds = Histogram("pawl_monitor_tick_seconds", "Length of a tick.", buckets=BUCKETS, registry=registry)
        self.missed = Counter("pawl_monitor_missed_ticks", "Ticks that a longer one ran over.", registry=registry)
        self.open_windows = Gauge("pawl_monitor_open_windows", "Users under observation.", registry=registry)
        self.unscored = Counter(
            "pawl_monitor_unscored", "Labels (truth) and answers that no score can use.", ["reason"], registry=registry
        )
        self.failed = Counter(
            "pawl_monitor_failed_advances", "Releases not advanced in a tick.", ["reason"], registry=registry
        )

    def observe(self, engine: Engine, seconds: float) -> None:
        """Record a tick that was finished."""
        self.ticks.labels("done").inc()
        self.seconds.observe(seconds)
        self.open_windows.set(engine.open_windows)
        for reason, count in engine.skipped.items():
            self.unscored.labels(reason).inc(count)
        for reason, count in engine.failed.items():
            self.failed.labels(reason).inc(count)
        engine.skipped.clear()
        engine.failed.clear()
