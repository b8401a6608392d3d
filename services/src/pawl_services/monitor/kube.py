"""The few calls to the API server that the monitor makes: list its kinds, read and write one Lease."""

from pawl_services.kube.client import ConflictError, KubeClient, KubeError, Object, collection

__all__ = ["ConflictError", "KubeApi", "KubeError"]
LEASES = "/apis/coordination.k8s.io/v1"


class KubeApi(KubeClient):
    """One connection pool; usable from one event loop."""

    async def list_all(self, plural: str, namespaces: tuple[str, ...]) -> list[Object]:
        """All objects of one of Pawl's kinds, in some namespaces or (with none named) in the whole cluster.

        Raises:
            KubeError: any of the calls failed; half a list is no list.
        """
        pages = [await self.list_pages(collection(plural, namespace)) for namespace in namespaces or ("",)]
        return [item for page in pages for item in page.items]

    async def get_lease(self, namespace: str, name: str) -> Object | None:
        """The Lease, None where there is none."""
        answer = await self.call("GET", f"{LEASES}/namespaces/{namespace}/leases/{name}", missing_ok=True)
        return answer or None

    async def put_lease(self, lease: Object) -> Object:
        """Create the Lease, or replace it where it names a resourceVersion.

        Raises:
            ConflictError: it was created or changed by somebody else.
        """
        metadata = lease["metadata"]
        path = f"{LEASES}/namespaces/{metadata['namespace']}/leases"
        if metadata.get("resourceVersion"):
            return await self.call("PUT", f"{path}/{metadata['name']}", lease)
        return await self.call("POST", path, lease)
