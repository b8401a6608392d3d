"""What the operator needs from an API server; everything outside `kube/` depends on this alone.

Bodies are plain JSON objects. All methods raise the errors of `pawl.errors` and nothing else:

    NotFound               404 on a write (a read answers None instead)
    Conflict               409, or a JSON Patch whose `test` failed: read again, decide again
    InvalidSpec            400, 422: the object is refused as written
    PermissionDenied       401 after new credentials, 403
    DependencyUnavailable  429, 5xx, no connection, or no answer before the call's deadline
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pawl_operator.kube.resources import Ref, Resource

Object = dict[str, Any]
PatchOps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a collection at one resource version."""

    items: tuple[Object, ...]
    resource_version: str


class KubePort(Protocol):
    """One API server. `urgent` calls (a route going back to stable) pass the rate limit."""

    async def get(self, ref: Ref, *, urgent: bool = False) -> Object | None:
        """Return the object, or None where it does not exist."""
        ...

    async def text(self, ref: Ref, subresource: str, query: Mapping[str, str], *, limit: int) -> str | None:
        """Return the last `limit` bytes of a subresource that is text, such as a pod's log; None where it is not."""
        ...

    async def list(self, resource: Resource, namespace: str | None = None, *, selector: str = "") -> Listing:
        """Return every object, read in pages; NotFound when the resource itself is not served."""
        ...

    async def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        """Create; Conflict when the name is taken."""
        ...

    async def replace(self, ref: Ref, body: Object) -> Object:
        """Replace the object at the resourceVersion in `body`."""
        ...

    async def replace_status(self, ref: Ref, body: Object) -> Object:
        """Replace the status at the resourceVersion in `body`."""
        ...

    async def apply(self, ref: Ref, body: Object, *, manager: str) -> Object:
        """Server-side apply `body` (owned fields only), taking fields from other managers."""
        ...

    async def json_patch(self, ref: Ref, ops: PatchOps, *, manager: str, urgent: bool = False) -> Object:
        """Apply RFC 6902 operations; a failed `test` is a Conflict."""
        ...

    async def delete(self, ref: Ref, *, uid: str = "") -> None:
        """Delete (only the object of that uid); an absent object is fine."""
        ...

    async def serves(self, resource: Resource) -> bool:
        """Return whether the API server knows the resource."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
