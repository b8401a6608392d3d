"""What the assigner counts. No user and no value of a header ever becomes a label."""

import contextlib
from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

_ROLLOUT = ("object_namespace", "object")


class Outcome(StrEnum):
    """How a check ended."""

    ASSIGNED = "assigned"
    OUTSIDE = "outside"
    NO_USER = "no_user"
    NO_EXPERIMENT = "no_experiment"
    UNKNOWN_ROLLOUT = "unknown_rollout"


class AssignerMetrics:
    """Registered once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        checks = Counter("pawl_assigner_checks", "Requests that a gateway asked about.", ["outcome"], registry=registry)
        # Looking a child up costs as much as all the rest of a check.
        self.checks = {outcome: checks.labels(outcome.value) for outcome in Outcome}
        self._generation = Gauge(
            "pawl_assigner_generation", "Generation of the assignment in use.", _ROLLOUT, registry=registry
        )
        self._unreadable = Gauge(
            "pawl_assigner_unreadable", "1 for a Rollout whose assignment cannot be read.", _ROLLOUT, registry=registry
        )

    def watch(self, age: Callable[[], float], synced: Callable[[], bool]) -> None:
        """Export how old what is known may be."""
        seconds = Gauge(
            "pawl_assigner_synced_age_seconds", "Since the API server last said anything.", registry=self._registry
        )
        whole = Gauge("pawl_assigner_synced", "1 once all Rollouts have been listed.", registry=self._registry)
        seconds.set_function(age)
        whole.set_function(lambda: float(synced()))

    def assigns(self, namespace: str, name: str, generation: int | None, *, readable: bool) -> None:
        """A Rollout assigns users at this generation; None: it does not."""
        self.forget(namespace, name)
        if generation is not None:
            self._generation.labels(namespace, name).set(generation)
        if not readable:
            self._unreadable.labels(namespace, name).set(1)

    def forget(self, namespace: str, name: str) -> None:
        """The Rollout assigns nobody, or is gone."""
        for gauge in (self._generation, self._unreadable):
            with contextlib.suppress(KeyError):
                gauge.remove(namespace, name)
