"""Installs CRDs into a test's API server: Pawl's own, and the gateway's as the development cluster has them."""

import time
from pathlib import Path
from typing import Any

import yaml
from kube_client import ApiError, KubeClient

from pawl_devcluster.settings import from_environment

ROOT = Path(__file__).resolve().parents[2]
GATEWAY_CRDS = (
    "gateway-api/gateway.networking.k8s.io_httproutes.yaml",
    "envoy-gateway/gateway.envoyproxy.io_backendtrafficpolicies.yaml",
)
ESTABLISHED_WITHIN = 30.0


def install_pawl(server: KubeClient) -> None:
    """Install the five generated CRDs and wait until they are served."""
    install(server, [_read(path) for path in sorted((ROOT / "crds").glob("*.yaml"))])


def install_gateway(server: KubeClient) -> None:
    """Install HTTPRoute and BackendTrafficPolicy with their real schemas, which refuse what a gateway would refuse."""
    paths = [from_environment().cache / "crds" / name for name in GATEWAY_CRDS]
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        remedy = "make them with `python -m pawl_devcluster build gateway-crds` (needs Go)"
        raise FileNotFoundError(f"the gateway's CRDs are not there: {', '.join(absent)}; {remedy}")
    install(server, [_read(path) for path in paths])


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
