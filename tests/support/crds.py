"""Installs CRDs into a test's API server: Pawl's own, and the gateway's where the real ones are not at hand."""

import time
from pathlib import Path
from typing import Any

import yaml
from kube_client import ApiError, KubeClient

from pawl_devcluster.settings import from_environment

ROOT = Path(__file__).resolve().parents[2]
GATEWAY_KINDS = ("gateway.networking.k8s.io_httproutes", "gateway.envoyproxy.io_backendtrafficpolicies")
ESTABLISHED_WITHIN = 30.0


def install_pawl(server: KubeClient) -> None:
    """Install the five generated CRDs and wait until they are served."""
    install(server, [_read(path) for path in sorted((ROOT / "crds").glob("*.yaml"))])


def install_gateway(server: KubeClient) -> None:
    """Install HTTPRoute and BackendTrafficPolicy: the real schemas from the cache, else open ones with a status."""
    cache = from_environment().cache / "crds"
    found = [path for kind in GATEWAY_KINDS for path in cache.glob(f"*/{kind}.yaml")]
    install(server, [_read(path) for path in found] if len(found) == len(GATEWAY_KINDS) else open_gateway_crds())


def install(server: KubeClient, crds: list[dict[str, Any]]) -> None:
    """Apply CRDs and wait until every version is served."""
    for crd in crds:
        server.apply(crd)
    deadline = time.monotonic() + ESTABLISHED_WITHIN
    waiting = crds
    while waiting := [crd for crd in waiting if not _served(server, crd)]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"CRDs not served: {[crd['metadata']['name'] for crd in waiting]}")
        time.sleep(0.05)


def open_gateway_crds() -> list[dict[str, Any]]:
    """CRDs of the two gateway kinds that accept every spec and status."""
    return [
        _open_crd("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
        _open_crd("gateway.envoyproxy.io", "v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies"),
    ]


def _read(path: Path) -> dict[str, Any]:
    # The loader in C: the gateway's schemas are long.
    with path.open("rb") as stream:
        return yaml.load(stream, yaml.CSafeLoader)


def _served(server: KubeClient, crd: dict[str, Any]) -> bool:
    spec = crd["spec"]
    try:
        for version in spec["versions"]:
            server.request("GET", f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}", limit=1)
    except ApiError as error:
        if error.status in (404, 503):
            return False
        raise
    return True


def _open_crd(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "names": names,
            "scope": "Namespaced",
            "versions": [served | {"subresources": {"status": {}}}],
        },
    }
