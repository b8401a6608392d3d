"""Component: nothing to do in a cluster yet but to say whether it is well formed, since everything names it."""

from datetime import UTC, datetime

from pydantic import ValidationError

from pawl.api.component import Component
from pawl.errors import InvalidSpec
from pawl_operator.kinds.conditions import RECONCILED, with_condition, without_condition
from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import COMPONENTS, Ref
from pawl_operator.kube.status import write_status
from pawl_operator.store import ObjectStore


class ComponentController:
    """Checks Components."""

    def __init__(self, kube: KubePort, store: ObjectStore) -> None:
        self._kube = kube
        self._store = store

    async def reconcile(self, ref: Ref) -> float | None:
        """Say whether the Component is accepted.

        Raises:
            InvalidSpec: it is not; the reconciler writes the condition.
        """
        live = self._store.get(ref)
        if live is None:
            return None
        component = _parse(live)
        generation = int(live["metadata"].get("generation") or 0)
        message = f"{len(component.spec.metrics)} metrics can be named by Rollouts and Experiments"
        status = with_condition(
            without_condition(live.get("status") or {}, RECONCILED),
            "Accepted",
            "True",
            "Valid",
            message,
            generation=generation,
            now=datetime.now(UTC),
        )
        written = await write_status(self._kube, ref, live, status | _summary(generation, message))
        if written is not None:
            self._store.put(COMPONENTS, written)
        return None


def _summary(generation: int, message: str) -> dict[str, object]:
    return {"observedGeneration": generation, "phase": "Ready", "message": message}


def _parse(live: Object) -> Component:
    try:
        return Component.from_cluster(live)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSpec(first["msg"], field=".".join(str(part) for part in first["loc"])) from error
