"""Server-side apply of what we own: fields that others hold are taken over, fields that we no longer name go."""

from pawl_operator.kube.port import KubePort, Object
from pawl_operator.kube.resources import BY_KIND, Ref

MANAGER = "pawl-operator"


async def apply_manifest(kube: KubePort, manifest: Object) -> Object:
    """Apply a manifest and return the object as the API server holds it now."""
    return await kube.apply(ref_of(manifest), manifest, manager=MANAGER)


def ref_of(manifest: Object) -> Ref:
    """Return the address of a manifest.

    Raises:
        KeyError: the kind is none of those the operator touches.
    """
    group = manifest["apiVersion"].rpartition("/")[0]
    resource = BY_KIND[(group, manifest["kind"])]
    metadata = manifest["metadata"]
    return Ref(resource, metadata["namespace"], metadata["name"])
