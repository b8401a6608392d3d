"""Recognises mirrored requests, and shapes their answers as the collector takes them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

from pawl_services.modelserver.metrics import ModelMetrics
from pawl_services.modelserver.tensors import Tensor

SUFFIX = "-shadow"


def is_mirrored(headers: Mapping[str, str], revision: str) -> bool:
    """Tell whether a request is a copy whose answer no user sees.

    The route stamps the revision that answers the user, so a request stamped with another one was copied to us. A copy
    of our own live request is known only by its gateway: some add a suffix to the host, Envoy Gateway marks copies as
    internal and removes that mark from what clients send. Taking a live request for a copy costs it half the queue.
    """
    stamped = headers.get("x-pawl-revision")
    if stamped is not None and stamped != revision:
        return True
    return headers.get("x-envoy-internal") == "true" or headers.get("host", "").rsplit(":", 1)[0].endswith(SUFFIX)


def interaction_of(header: str | None) -> str | None:
    """Return the interaction's identifier, or None where the header holds no UUID: such an answer has no pair."""
    try:
        return str(UUID(header or ""))
    except ValueError:
        return None


def reported_output(outputs: Sequence[Tensor]) -> Any:  # noqa: ANN401  any JSON value
    """Return an answer as an application would log it: one value bare (parsed where it is JSON), more by name."""
    if len(outputs) == 1 and len(outputs[0].data) == 1:
        return _parsed(outputs[0].data[0])
    return {tensor.name: [_parsed(value) for value in tensor.data] for tensor in outputs}


def prediction(
    interaction: str, metrics: ModelMetrics, outputs: Sequence[Tensor], seconds: float, now: datetime | None = None
) -> dict[str, Any]:
    """Return the collector's form of one answer; `seconds` is the time in this server."""
    return {
        "interaction": interaction,
        "component": metrics.component,
        "revision": metrics.revision,
        "output": reported_output(outputs),
        "latencyMs": round(seconds * 1000, 3),
        "time": (now or datetime.now(UTC)).isoformat().replace("+00:00", "Z"),
        "source": "Mirror",
    }


def _parsed(value: Any) -> Any:  # noqa: ANN401
    """Objects and arrays that a model wrote as JSON text become themselves; other text stays text."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
