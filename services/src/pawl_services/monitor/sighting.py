"""From the API server's objects to the releases that are live; one unreadable object never hides the others."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from pawl.api.component import Component
from pawl.api.rollout import Rollout
from pawl_services.monitor.engine import Sighting
from pawl_services.monitor.release import UnusableReleaseError, live_release

_log = structlog.get_logger(__name__)


def sight(rollouts: Iterable[Mapping[str, Any]], components: Iterable[Mapping[str, Any]]) -> Sighting:
    """The live releases; of objects that cannot be read, or whose Component is missing, nothing is said."""
    known = dict(_components(components))
    live, unknown = [], set()
    for item in rollouts:
        metadata = item.get("metadata") or {}
        try:
            release = live_release(Rollout.from_cluster(item), known)
        except (ValidationError, UnusableReleaseError, ValueError) as error:
            unknown.add(str(metadata.get("uid", "")))
            name, namespace = metadata.get("name"), metadata.get("namespace")
            _log.warning("rollout has no evidence", object=name, namespace=namespace, reason=_shown(error))
            continue
        if release is not None:
            live.append(release)
    return Sighting(tuple(live), frozenset(unknown))


def _components(items: Iterable[Mapping[str, Any]]) -> Iterable[tuple[tuple[str, str], Component]]:
    for item in items:
        metadata = item.get("metadata") or {}
        try:
            component = Component.from_cluster(item)
        except ValidationError as error:
            name, namespace = metadata.get("name"), metadata.get("namespace")
            _log.warning("component cannot be read", component=name, namespace=namespace, reason=_shown(error))
            continue
        yield (component.metadata.namespace or "default", component.metadata.name), component


def _shown(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
