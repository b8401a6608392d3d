"""Server-side apply of what we own, without repeating an apply that would change nothing."""

import hashlib
import json

from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import BY_KIND, Ref

MANAGER = "pawl-operator"


class Applier:
    """Applies manifests; remembers what it applied so that a steady state costs no call.

    An object is applied again when its manifest changed, when somebody changed its spec (its generation moved), or
    when it is gone. Kinds without a generation (Service) are applied again after `forget_all` (each resync).
    """

    def __init__(self, kube: KubePort) -> None:
        self._kube = kube
        self._done: dict[Ref, tuple[str, int]] = {}

    async def apply(self, manifest: Object, live: Object | None) -> Object | None:
        """Apply `manifest`; `live` is the object as last seen (None: not seen). None when nothing had to be done."""
        ref, digest = ref_of(manifest), _digest(manifest)
        if live is not None and self._done.get(ref) == (digest, _generation(live)):
            return None
        applied = await self._kube.apply(ref, manifest, manager=MANAGER)
        self._done[ref] = (digest, _generation(applied))
        return applied

    def applied(self, manifest: Object) -> bool:
        """Return whether this very manifest was applied before (for kinds that are not watched)."""
        return self._done.get(ref_of(manifest), ("", 0))[0] == _digest(manifest)

    def forget(self, ref: Ref) -> None:
        """Forget one object, which was deleted."""
        self._done.pop(ref, None)

    def forget_all(self) -> None:
        """Make the next pass apply everything again."""
        self._done.clear()


def ref_of(manifest: Object) -> Ref:
    """Return the address of a manifest.

    Raises:
        KeyError: the kind is none of those the operator touches.
    """
    group = manifest["apiVersion"].rpartition("/")[0]
    resource = BY_KIND[(group, manifest["kind"])]
    metadata = manifest["metadata"]
    return Ref(resource, metadata["namespace"], metadata["name"])


def _digest(manifest: Object) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _generation(live: Object) -> int:
    return int(live["metadata"].get("generation") or 0)
