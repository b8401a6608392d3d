"""Leader election over a Kubernetes Lease as pure decisions; the caller does the requests and owns the clocks.

Nobody's wall clock is trusted: a candidate takes over only after it has itself watched the lease stand still for
one whole duration on its own monotonic clock. `renewTime` is written for people and for other tools.

    clocks    `now` is monotonic seconds, `wall` is only written into the lease
    order     renew every `retry`; stop working at `renew_deadline` after the last good renewal, which is earlier
              than the moment (`duration`) at which anybody else may take over
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds; `retry < renew_deadline < duration`, and a duration of at least one second (the API's unit)."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.retry < self.renew_deadline < self.duration or self.duration < 1:
            raise ValueError(
                f"lease times: need 0 < retry ({self.retry}) < renewDeadline ({self.renew_deadline}) "
                f"< duration ({self.duration}) and duration >= 1; raise the duration or lower the others"
            )


class LeaseStep(Enum):
    """What the caller does next."""

    ACQUIRE = "Acquire"
    RENEW = "Renew"
    WAIT = "Wait"
    LOST = "Lost"


@dataclass(frozen=True, slots=True)
class LeaseSight:
    """What the lease looked like (`record`) and since when it has looked so (monotonic seconds)."""

    record: tuple[str, str, int]
    since: float


def next_step(
    lease: Mapping[str, Any] | None, me: str, *, sight: LeaseSight | None, leading: bool, now: float, times: LeaseTimes
) -> tuple[LeaseStep, LeaseSight]:
    """Decide on the lease just read (None: it does not exist) and return the sight to pass in next time."""
    record = _record(lease)
    seen = sight if sight is not None and sight.record == record else LeaseSight(record, now)
    holder = record[0]
    if leading:
        return (LeaseStep.RENEW if holder == me else LeaseStep.LOST), seen
    # The same name is the same pod: its earlier process is gone, so there is nobody to wait for.
    free = not holder or holder == me
    expired = now - seen.since >= _duration(lease, times)
    return (LeaseStep.ACQUIRE if free or expired else LeaseStep.WAIT), seen


def must_stop(last_renewed: float, now: float, times: LeaseTimes) -> bool:
    """Whether a leader that last renewed at `last_renewed` (monotonic) has to stop working now."""
    return now - last_renewed >= times.renew_deadline


def held_body(
    lease: Mapping[str, Any] | None, *, name: str, namespace: str, me: str, wall: datetime, times: LeaseTimes
) -> dict[str, Any]:
    """Return the Lease that says `me` holds it: to create (lease None) or to replace (resourceVersion kept)."""
    spec = dict((lease or {}).get("spec") or {})
    renewed = _micro_time(wall)
    if spec.get("holderIdentity") != me or not spec.get("acquireTime"):
        transitions = int(spec.get("leaseTransitions") or 0)
        spec["leaseTransitions"] = transitions + (1 if lease is not None else 0)
        spec["acquireTime"] = renewed
    spec |= {"holderIdentity": me, "leaseDurationSeconds": int(times.duration), "renewTime": renewed}
    return _body(lease, name, namespace, spec)


def released_body(lease: Mapping[str, Any], *, wall: datetime) -> dict[str, Any]:
    """Return the Lease with no holder, so that the next candidate need not wait out the duration."""
    metadata = lease["metadata"]
    spec = dict(lease.get("spec") or {}) | {
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "renewTime": _micro_time(wall),
    }
    return _body(lease, metadata["name"], metadata["namespace"], spec)


def _body(lease: Mapping[str, Any] | None, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = dict((lease or {}).get("metadata") or {"name": name, "namespace": namespace})
    metadata.pop("managedFields", None)
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def _record(lease: Mapping[str, Any] | None) -> tuple[str, str, int]:
    spec = (lease or {}).get("spec") or {}
    return (
        str(spec.get("holderIdentity") or ""),
        str(spec.get("renewTime") or ""),
        int(spec.get("leaseTransitions") or 0),
    )


def _duration(lease: Mapping[str, Any] | None, times: LeaseTimes) -> float:
    told = ((lease or {}).get("spec") or {}).get("leaseDurationSeconds")
    return float(told) if told else times.duration


def _micro_time(wall: datetime) -> str:
    return wall.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
