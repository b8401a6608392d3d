"""What an add-on is: something to build beforehand and something to apply."""

from collections.abc import Callable
from dataclasses import dataclass

from pawl_devcluster.images_transfer import ImageTransfer
from pawl_devcluster.kubectl import Kubectl
from pawl_devcluster.provider import Provider
from pawl_devcluster.tools import Tools


@dataclass(frozen=True)
class AddonContext:
    """What an add-on may use while it installs itself."""

    tools: Tools
    kubectl: Kubectl
    provider: Provider
    images: ImageTransfer


@dataclass(frozen=True)
class Addon:
    """prepare: builds and downloads, no cluster needed; install: applies and waits; needs_node: its pods really run."""

    name: str
    prepare: Callable[[Tools], None]
    install: Callable[[AddonContext], None]
    needs_node: bool = True


def service_url(kubectl: Kubectl, node_address: str, namespace: str, name: str) -> str | None:
    """Return the URL at which this machine reaches a NodePort Service's first port, or None where there is none."""
    if not kubectl.succeeds("--namespace", namespace, "get", "service", name):
        return None
    service = kubectl.get("service", name, "--namespace", namespace)
    return f"http://{node_address}:{service['spec']['ports'][0]['nodePort']}"
