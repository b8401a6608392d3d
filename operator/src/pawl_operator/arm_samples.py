"""Under which names requests and latencies of each arm are found in Prometheus, and how they are asked for. Pure.

They come from the gateway's cluster of each backendRef or, where the gateway is not scraped, from the model servers
themselves (which say nothing once they are dead). Both expose a counter only from the first request on, and one gauge
from the start: by that gauge an arm that nobody asked is told from one that nobody scrapes.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Exporter:
    """How one kind of exporter names its counters."""

    requests: str
    buckets: str
    presence: str
    """A gauge that is exposed from the start; the counters appear with the first request only."""
    label: str
    """The label whose value tells arms apart."""
    code_label: str
    """The label with the response code or its first digit."""
    edges_per_second: float
    """Unit of the bucket edges."""

    @property
    def names(self) -> str:
        """All metrics, as alternatives of a regular expression."""
        return f"{self.requests}|{self.buckets}|{self.presence}"


GATEWAY = Exporter(
    requests="envoy_cluster_upstream_rq_xx",
    buckets="envoy_cluster_upstream_rq_time_bucket",
    presence="envoy_cluster_membership_total",
    label="envoy_cluster_name",
    code_label="envoy_response_code_class",
    edges_per_second=1000.0,
)
SERVING = Exporter(
    requests="pawl_modelserver_requests_total",
    buckets="pawl_modelserver_request_seconds_bucket",
    presence="pawl_modelserver_loaded",
    label="revision",
    code_label="code",
    edges_per_second=1.0,
)


@dataclass(frozen=True, slots=True)
class ArmSources:
    """The label values under which each arm of one Rollout is found, as (arm, values)."""

    arms: tuple[tuple[str, tuple[str, ...]], ...]
    serving: frozenset[str] = frozenset()
    """Arms that have traffic: of each of them something must be exported, or nothing is known."""

    def values(self) -> tuple[str, ...]:
        """Return all label values."""
        return tuple(value for _, values in self.arms for value in values)


def cluster_name(namespace: str, route: str, rule: int, place: int) -> str:
    """Return the gateway's name for the cluster of one backendRef."""
    return f"httproute/{namespace}/{route}/rule/{rule}/backend/{place}"


def selector_for(exporter: Exporter, sources: Iterable[ArmSources], selector: str) -> str:
    """Return the selector of everything that tells of `sources`: requests, latency buckets, presence."""
    found = "|".join(re.escape(value) for source in sources for value in source.values()).replace("\\", "\\\\")
    extra = f",{selector}" if selector else ""
    return f'{{__name__=~"{exporter.names}",{exporter.label}=~"{found}"{extra}}}'


def query_for(exporter: Exporter, sources: Iterable[ArmSources], window: timedelta, selector: str) -> str:
    """Return the range selector that reads every sample of `sources` over `window`, at least one second."""
    return f"{selector_for(exporter, sources, selector)}[{max(1, math.ceil(window.total_seconds()))}s]"
