"""What is assigned now, by namespace and Rollout: written by the watch, read by every check."""

from collections.abc import Sequence

import structlog

from pawl_services.assigner.assignment import Assigned, Seen, read_rollout
from pawl_services.assigner.metrics import AssignerMetrics
from pawl_services.kube.client import Object

_log = structlog.get_logger(__name__)


class Table:
    """For one event loop: what is read between two awaits is of one moment."""

    def __init__(self, metrics: AssignerMetrics) -> None:
        self._metrics = metrics
        self._seen: dict[str, dict[str, Seen]] = {}

    def find(self, namespace: str, name: str) -> Seen | None:
        """One Rollout; None where it is not known."""
        rollouts = self._seen.get(namespace)
        return rollouts.get(name) if rollouts else None

    def assigned(self) -> list[tuple[Seen, Assigned]]:
        """All Rollouts that assign users, in order."""
        known = (rollouts[name] for _, rollouts in sorted(self._seen.items()) for name in sorted(rollouts))
        return [(seen, seen.assigned) for seen in known if seen.assigned is not None]

    def flags(self, namespace: str) -> dict[str, Assigned | None]:
        """What is asked of each component of a namespace; None where nothing is.

        With two Rollouts of one component that both assign users there is no telling which one an application means:
        nothing is asked then.
        """
        found: dict[str, list[Assigned]] = {}
        for seen in self._seen.get(namespace, {}).values():
            component = seen.assigned.component if seen.assigned is not None else seen.component
            found.setdefault(component, []).extend([seen.assigned] if seen.assigned is not None else [])
        return {component: every[0] if len(every) == 1 else None for component, every in sorted(found.items())}

    def replace(self, namespace: str, items: Sequence[Object]) -> None:
        """These are all Rollouts of the namespace, or with "" of the cluster."""
        listed = [read_rollout(item) for item in items]
        names = {(seen.namespace, seen.name) for seen in listed}
        for seen in self._within(namespace):
            if (seen.namespace, seen.name) not in names:
                self._forget(seen)
        for seen in listed:
            self._learn(seen)

    def put(self, item: Object) -> None:
        """The Rollout is so now."""
        self._learn(read_rollout(item))

    def remove(self, item: Object) -> None:
        """The Rollout is gone."""
        self._forget(read_rollout(item))

    def _within(self, namespace: str) -> list[Seen]:
        scopes = [self._seen.get(namespace, {})] if namespace else list(self._seen.values())
        return [seen for rollouts in scopes for seen in rollouts.values()]

    def _learn(self, seen: Seen) -> None:
        before = self.find(seen.namespace, seen.name)
        self._seen.setdefault(seen.namespace, {})[seen.name] = seen
        generation = seen.assigned.generation if seen.assigned is not None else None
        self._metrics.assigns(seen.namespace, seen.name, generation, readable=not seen.problem)
        if seen.problem and (before is None or before.problem != seen.problem):
            _log.warning(
                "assignment cannot be read, its users stay on stable",
                namespace=seen.namespace,
                rollout=seen.name,
                reason=seen.problem,
            )
        elif seen.assigned != (before.assigned if before is not None else None):
            experiment = seen.assigned.experiment if seen.assigned is not None else None
            _log.info(
                "assignment",
                namespace=seen.namespace,
                rollout=seen.name,
                experiment=experiment,
                generation=generation,
            )

    def _forget(self, seen: Seen) -> None:
        self._seen.get(seen.namespace, {}).pop(seen.name, None)
        self._metrics.forget(seen.namespace, seen.name)
