"""MLflow's tracking server and model registry, with its database and artifacts on a claim."""

from pawl_devcluster import images
from pawl_devcluster.addons.base import Addon, AddonContext, service_url
from pawl_devcluster.image_table import MLFLOW
from pawl_devcluster.kubectl import Kubectl
from pawl_devcluster.tools import Tools

NAMESPACE = "mlflow"
START_SECONDS = 240
_DOMAINS = ("mlflow", "mlflow.mlflow", "mlflow.mlflow.svc", "mlflow.mlflow.svc.cluster.local", "localhost", "127.0.0.1")
# Nodes and pods are asked for by address; a page of another site that a browser shows is not.
_PRIVATE = ("10.*", "192.168.*", *(f"172.{second}.*" for second in range(16, 32)))
ALLOWED_HOSTS = ",".join((*(f"{domain}:*" for domain in _DOMAINS), *_PRIVATE))


def prepare(tools: Tools) -> None:
    """Build the image; raises DevclusterError outside a checkout, where its Dockerfile is."""
    images.build_for_addon(MLFLOW, tools.cache, tools.report)


def install(context: AddonContext) -> None:
    """Apply the server and wait until it is ready."""
    context.images.load_named(MLFLOW)
    context.kubectl.apply_packaged("mlflow.yaml", image=MLFLOW, allowed_hosts=ALLOWED_HOSTS)
    context.kubectl.rolled_out(NAMESPACE, "deployment/mlflow", limit=START_SECONDS)


def url(kubectl: Kubectl, node_address: str) -> str | None:
    """Return the tracking URI for this machine, or None where the add-on is absent."""
    return service_url(kubectl, node_address, NAMESPACE, "mlflow")


ADDON = Addon("mlflow", prepare, install)
