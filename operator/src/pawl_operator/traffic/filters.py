"""The header filters that mark an arm on a backendRef, and the mirrors on a rule.

A filter on each backendRef makes the gateway keep one cluster per arm, which is what per-arm metrics and pinned
users rest on; it also tells the application which arm answered, without the model server's help.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PREFIX = "x-pawl-"
SETTERS = (("RequestHeaderModifier", "requestHeaderModifier"), ("ResponseHeaderModifier", "responseHeaderModifier"))
Filter = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a backendRef says about itself; `rollout` is the uid of the Rollout that wrote it."""

    rollout: str
    arm: str
    revision: str
    release: int
    step: int

    def headers(self) -> list[dict[str, str]]:
        """Return the headers in the order in which they are written."""
        values = {"rollout": self.rollout, "arm": self.arm, "revision": self.revision}
        values |= {"release": str(self.release), "step": str(self.step)}
        return [{"name": f"{PREFIX}{key}", "value": value} for key, value in values.items() if value]


def marked(filters: Sequence[Filter], mark: Mark) -> list[dict[str, Any]]:
    """Return `filters` with our headers set to `mark`; everything that people added stays."""
    result = [dict(entry) for entry in filters]
    for kind, field in SETTERS:
        found = next((entry for entry in result if entry.get("type") == kind), None)
        if found is None:
            result.append({"type": kind, field: {"set": mark.headers()}})
        else:
            modifier = dict(found.get(field) or {})
            modifier["set"] = _foreign(modifier.get("set") or []) + mark.headers()
            found[field] = modifier
    return result


def unmarked(filters: Sequence[Filter]) -> list[dict[str, Any]]:
    """Return what people put on a backendRef: `filters` without our headers and without modifiers left empty."""
    fields = dict(SETTERS)
    result = []
    for entry in filters:
        field = fields.get(str(entry.get("type")))
        if field is None:
            result.append(dict(entry))
            continue
        modifier = dict(entry.get(field) or {})
        modifier["set"] = _foreign(modifier.get("set") or [])
        if any(modifier.values()):
            result.append(dict(entry) | {field: {key: value for key, value in modifier.items() if value}})
    return result


def read_marks(filters: Sequence[Filter]) -> dict[str, str]:
    """Return our headers by short name (arm, revision, ...), those alone on which request and response agree."""
    found: list[dict[str, str]] = []
    for kind, field in SETTERS:
        modifier: Mapping[str, Any] = next((e.get(field) or {} for e in filters if e.get("type") == kind), {})
        found.append({item["name"].lower(): str(item["value"]) for item in modifier.get("set") or []})
    request, response = found
    return {
        name.removeprefix(PREFIX): value
        for name, value in request.items()
        if name.startswith(PREFIX) and response.get(name) == value
    }


def mirror(service: str, port: int, percent: int) -> dict[str, Any]:
    """Return the filter that copies `percent` of a rule's requests to a Service."""
    backend = {"group": "", "kind": "Service", "name": service, "port": port}
    return {"type": "RequestMirror", "requestMirror": {"backendRef": backend, "percent": percent}}


def mirror_target(entry: Filter) -> tuple[str, int] | None:
    """Return Service and percent of a mirror filter, None for any other filter."""
    if entry.get("type") != "RequestMirror":
        return None
    body = entry.get("requestMirror") or {}
    reference = body.get("backendRef") or {}
    if reference.get("kind", "Service") != "Service":
        return None
    fraction = body.get("fraction")
    shown = 100 * int(fraction["numerator"]) // int(fraction.get("denominator") or 100) if fraction else 100
    return str(reference.get("name", "")), int(body.get("percent", shown))


def without_mirrors(filters: Sequence[Filter], services: Collection[str]) -> list[dict[str, Any]]:
    """Return a rule's filters without the mirrors to `services`; other people's mirrors stay."""
    return [dict(entry) for entry in filters if (target := mirror_target(entry)) is None or target[0] not in services]


def _foreign(headers: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [dict(item) for item in headers if not item["name"].lower().startswith(PREFIX)]
