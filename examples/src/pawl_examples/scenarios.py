"""The five releases of the demo: what is changed about the stable model, and how each must end."""

from dataclasses import dataclass, field
from typing import Any, Literal

Ending = Literal["Promoted", "RolledBack"]
Span = Literal["", "t2-t1", "t2-t0"]
ENTRYPOINT = "PAWL_ENTRYPOINT"


@dataclass(frozen=True)
class Scenario:
    """One release. `serve` is laid over the Rollout's own serve template; `may_lose`: whether requests may be lost.

    `outage` marks the release in which Prometheus is stopped in mid-step; `bounded` names the time that must not be
    exceeded: from evidence to the way back (t2-t1) or, where no evidence is waited for, from harm to it (t2-t0).
    """

    key: str
    title: str
    ending: Ending
    serve: dict[str, Any] = field(default_factory=dict)
    may_lose: bool = False
    outage: bool = False
    bounded: Span = ""


def scenarios(twin_image: str) -> tuple[Scenario, ...]:
    """The releases in their order; `twin_image` is the second tag of the image that serves the stable model."""
    return (
        Scenario("a", "twin: another image, same model", "Promoted", {"image": twin_image}, outage=True),
        Scenario("b", "slow: 400 ms late", "RolledBack", _entry("slow"), bounded="t2-t1"),
        Scenario(
            "c", "crash: exits on every third request", "RolledBack", _entry("crashing"), may_lose=True, bounded="t2-t0"
        ),
        Scenario("d", "wrong: right spans, permuted slots", "RolledBack", _entry("permuted"), bounded="t2-t1"),
        Scenario(
            "e", "silent: finds nothing, right on 80 % of messages", "RolledBack", _entry("silent"), bounded="t2-t1"
        ),
    )


def _entry(name: str) -> dict[str, Any]:
    return {"env": [{"name": ENTRYPOINT, "value": f"pawl_examples.candidates:{name}"}]}
