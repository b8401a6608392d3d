"""Hands what was shown and said to the collector, by the client that every application may use."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pawl.client import ClientLimits, PawlClient
from pawl_examples.ledger import Row

COMPONENT = "fact-extraction"
LINGER_SECONDS = 0.2


@dataclass(frozen=True)
class LogSettings:
    """Where the collector answers, and the application's API key."""

    url: str
    token: str


def make_client(settings: LogSettings) -> PawlClient:
    """A client for the fact extractor; the caller closes it."""
    return PawlClient(settings.url, settings.token, COMPONENT, ClientLimits(linger=LINGER_SECONDS))


def log_shown(
    client: PawlClient, interaction: str, row: Row, text: str, facts: list[dict[str, Any]], *, training: bool
) -> None:
    """Log one answered message under its id, with the release that answered as the gateway named it; `training` says
    whether it may be learned from.
    """
    client.log_interaction(
        id=interaction,
        user=row.user,
        time=datetime.fromtimestamp(row.sent, UTC),
        input={"text": text},
        output=facts,
        latency_ms=round((row.ended - row.sent) * 1000, 3),
        revision=row.revision or None,
        arm=row.arm or None,
        rollout=row.rollout or None,
        release=row.release,
        step=row.step,
        training=training,
    )
