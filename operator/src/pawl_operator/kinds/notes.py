"""What a plan wants to be told as a Kubernetes Event, for every kind."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class EventNote:
    """A Kubernetes Event to send after the status was written."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str
