"""Gateway API with Envoy Gateway, and the GatewayClass `pawl`."""

from pathlib import Path

from pawl_devcluster import crds, own_images, versions
from pawl_devcluster.addons.base import Addon, AddonContext
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.kubectl import Json, Kubectl
from pawl_devcluster.tools import Tools

NAMESPACE = "envoy-gateway-system"
_OWNER = "gateway.envoyproxy.io/owning-gateway-"
_API = "sigs.k8s.io/gateway-api"

_GATEWAY_API = crds.CrdSource(
    "gateway-api",
    "gateway",
    [*(f"{_API}/apis/{version}" for version in ("v1", "v1beta1", "v1alpha2", "v1alpha3")), f"{_API}/apisx/v1alpha1"],
    # The API server refuses definitions in a *.k8s.io group without the first of these.
    [
        "api-approved.kubernetes.io: unapproved",
        f"gateway.networking.k8s.io/bundle-version: {versions.GATEWAY_API}",
        "gateway.networking.k8s.io/channel: experimental",
    ],
)
_NEEDED = ("gatewayclasses.gateway.networking.k8s.io", "envoyproxies.gateway.envoyproxy.io")
ENVOY_GATEWAY = crds.CrdSource("envoy-gateway", "gateway", ["github.com/envoyproxy/gateway/api/v1alpha1"])


def define(tools: Tools) -> list[Path]:
    """Generate the definitions, and return the folders that hold them."""
    return [crds.generate(tools, source) for source in (_GATEWAY_API, ENVOY_GATEWAY)]


def prepare(tools: Tools) -> None:
    """Build the controller, fetch Envoy, generate the definitions."""
    define(tools)
    for image in (own_images.ENVOY, own_images.ENVOY_GATEWAY):
        tools.images.archive(image)


def install(context: AddonContext) -> None:
    """Apply definitions and controller, and wait until it is ready."""
    for image in (own_images.ENVOY_GATEWAY, own_images.ENVOY):
        context.images.load_own(image)
    for folder in define(context.tools):
        context.kubectl.apply(crds.joined(folder))
    crds.established(context.kubectl, _NEEDED)
    context.kubectl.apply_packaged("gateway.yaml", gateway_image=own_images.ENVOY_GATEWAY, envoy_image=own_images.ENVOY)
    context.kubectl("--namespace", NAMESPACE, "wait", "--for=condition=complete", "job/certgen", "--timeout=90s")
    context.kubectl.rolled_out(NAMESPACE, "deployment/envoy-gateway")


def address(kubectl: Kubectl, node_address: str, namespace: str, name: str) -> str:
    """Return `host:port` of a Gateway's first listener; raises DevclusterError before the Gateway has a Service."""
    found = find_addresses(kubectl, node_address, f"{_OWNER}namespace={namespace},{_OWNER}name={name}")
    if not found:
        raise DevclusterError(
            f"Gateway {namespace}/{name} has no Service yet: see its status with `kubectl describe gateway`."
        )
    return found[0]


def find_addresses(kubectl: Kubectl, node_address: str, selector: str = f"{_OWNER}name") -> list[str]:
    """Return the addresses of all Gateways whose Service matches."""
    services = kubectl.get("services", "--all-namespaces", f"--selector={selector}")["items"]
    return [_service_address(service, node_address) for service in services]


def _service_address(service: Json, node_address: str) -> str:
    port = service["spec"]["ports"][0]
    ingress = service["status"].get("loadBalancer", {}).get("ingress")
    if ingress:
        return f"{ingress[0].get('ip') or ingress[0]['hostname']}:{port['port']}"
    return f"{node_address}:{port['nodePort']}"


ADDON = Addon("gateway", prepare, install)
