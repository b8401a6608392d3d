"""The kinds whose controllers come with a later version: they say so, instead of lying still."""

from datetime import UTC, datetime

from pawl_operator.kinds.conditions import RECONCILED, with_condition, without_condition
from pawl_operator.kube.port import KubePort
from pawl_operator.kube.resources import Ref
from pawl_operator.kube.status import write_status
from pawl_operator.store import ObjectStore

REASON = "NotImplementedYet"


class NotYetController:
    """Answers Accepted=False to every object of a kind."""

    def __init__(self, kube: KubePort, store: ObjectStore) -> None:
        self._kube = kube
        self._store = store

    async def reconcile(self, ref: Ref) -> float | None:
        """Write the condition once."""
        live = self._store.get(ref)
        if live is None:
            return None
        generation = int(live["metadata"].get("generation") or 0)
        message = f"this version of Pawl does not act on {ref.resource.kind} objects yet; nothing will happen"
        status = with_condition(
            without_condition(live.get("status") or {}, RECONCILED),
            "Accepted",
            "False",
            REASON,
            message,
            generation=generation,
            now=datetime.now(UTC),
        )
        written = await write_status(
            self._kube, ref, live, status | {"observedGeneration": generation, "phase": "Pending", "message": message}
        )
        if written is not None:
            self._store.put(ref.resource, written)
        return None
