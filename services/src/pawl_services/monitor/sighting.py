"""From the API server's objects to what is live; one unreadable object never hides the others."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from pawl.api.component import Component
from pawl.api.experiment import Experiment
from pawl.api.rollout import Rollout
from pawl_services.monitor.engine import Sighting
from pawl_services.monitor.experiments import components_asked, live_experiment
from pawl_services.monitor.release import Release, UnusableReleaseError
from pawl_services.monitor.rollouts import live_release

_log = structlog.get_logger(__name__)
Item = Mapping[str, Any]


def sight(rollouts: Iterable[Item], components: Iterable[Item], experiments: Iterable[Item] = ()) -> Sighting:
    """The live releases and Experiments; of objects that cannot be read, or whose Component is missing, nothing is
    said.
    """
    known, every = dict(_components(components)), list(rollouts)
    asked = components_asked(every)
    releases = _sight(every, lambda item: live_release(Rollout.from_cluster(item), known))
    running = _sight(experiments, lambda item: live_experiment(Experiment.from_cluster(item), asked, known))
    return Sighting((*releases.live, *running.live), releases.unknown | running.unknown)


def _sight(items: Iterable[Item], read: Callable[[Item], Release | None]) -> Sighting:
    live, unknown = [], set()
    for item in items:
        try:
            release = read(item)
        except (ValidationError, UnusableReleaseError, ValueError) as error:
            metadata = item.get("metadata") or {}
            unknown.add(str(metadata.get("uid", "")))
            name, namespace = metadata.get("name"), metadata.get("namespace")
            kind, reason = item.get("kind"), _shown(error)
            _log.warning("object has no evidence", kind=kind, object=name, namespace=namespace, reason=reason)
            continue
        if release is not None:
            live.append(release)
    return Sighting(tuple(live), frozenset(unknown))


def _components(items: Iterable[Item]) -> Iterable[tuple[tuple[str, str], Component]]:
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
