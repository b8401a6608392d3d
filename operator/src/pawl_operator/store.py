"""What the watches have shown so far: trimmed bodies by address, newest resource version wins.

Answers to our own writes are put in as well, so a pass that follows a write sees it even when the watch lags:
decisions are never made on a status older than the one we wrote last.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pawl_operator.kube.port import Object
from pawl_operator.kube.resources import PODS, Ref, Resource

TOMBSTONES = 4096
_DROPPED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


class ObjectStore:
    """Bodies by address; one per process, used from one loop."""

    def __init__(self, on_change: Callable[[Resource], None] = lambda _: None) -> None:
        self.on_change = on_change
        """Hears of every change, those by our own writes included."""
        self._bodies: dict[tuple[Resource, str], dict[str, Object]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def put(self, resource: Resource, raw: Mapping[str, Any]) -> bool:
        """Keep `raw` (trimmed) unless something newer is there; True when the store changed."""
        metadata = raw["metadata"]
        if metadata["uid"] in self._gone:
            return False
        shelf = self._bodies.setdefault((resource, metadata.get("namespace", "")), {})
        held = shelf.get(metadata["name"])
        if held is not None and _version(held) >= _version(raw) and held["metadata"]["uid"] == metadata["uid"]:
            return False
        shelf[metadata["name"]] = trim(resource, raw)
        self.on_change(resource)
        return True

    def remove(self, resource: Resource, raw: Mapping[str, Any]) -> None:
        """Forget a deleted object, also against late news of it."""
        metadata = raw["metadata"]
        self._gone[metadata["uid"]] = None
        if len(self._gone) > TOMBSTONES:
            self._gone.popitem(last=False)
        shelf = self._bodies.get((resource, metadata.get("namespace", "")), {})
        held = shelf.get(metadata["name"])
        if held is not None and held["metadata"]["uid"] == metadata["uid"]:
            del shelf[metadata["name"]]
            self.on_change(resource)

    def get(self, ref: Ref) -> Object | None:
        """Return one body, or None."""
        return self._bodies.get((ref.resource, ref.namespace), {}).get(ref.name)

    def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """Return the bodies of a resource, in one namespace or all, that carry all `labels`."""
        wanted = (labels or {}).items()
        found: Iterable[Object]
        if namespace is not None:
            found = self._bodies.get((resource, namespace), {}).values()
        else:
            found = (body for (kind, _), shelf in self._bodies.items() if kind == resource for body in shelf.values())
        return [body for body in found if wanted <= (body["metadata"].get("labels") or {}).items()]

    def count(self) -> int:
        """Count the bodies that are held."""
        return sum(len(shelf) for shelf in self._bodies.values())


def trim(resource: Resource, raw: Mapping[str, Any]) -> Object:
    """Return the body without what no decision needs; never changes `raw`."""
    return _TRIMMERS.get(resource, _trim_common)(raw)


def _trim_common(raw: Mapping[str, Any]) -> Object:
    body = dict(raw)
    metadata = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and _DROPPED_ANNOTATION in annotations:
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _DROPPED_ANNOTATION}
    return body | {"metadata": metadata}


def _trim_pod(raw: Mapping[str, Any]) -> Object:
    body = _trim_common(raw)
    status = raw.get("status") or {}
    kept = {key: status[key] for key in ("phase", "conditions", "containerStatuses", "startTime") if key in status}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": body["metadata"], "status": kept}


_TRIMMERS: dict[Resource, Callable[[Mapping[str, Any]], Object]] = {PODS: _trim_pod}


def newer(body: Mapping[str, Any], version: str) -> bool:
    """Return whether `body` was written after the listing of resource version `version`."""
    return version.isdigit() and _version(body) > int(version)


def _version(body: Mapping[str, Any]) -> int:
    # Opaque by contract, but every API server counts; a version that is no number is taken as newest.
    text = str(body["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 1 << 62
