"""The KubeRay operator and its definitions."""

from pawl_devcluster import crds, own_images
from pawl_devcluster.addons.base import Addon, AddonContext
from pawl_devcluster.tools import Tools

_SOURCE = crds.CrdSource("kuberay", "ray", ["github.com/ray-project/kuberay/ray-operator/apis/ray/v1"])


def prepare(tools: Tools) -> None:
    """Build the operator and generate its definitions."""
    crds.generate(tools, _SOURCE)
    tools.images.archive(own_images.RAY_OPERATOR)


def install(context: AddonContext) -> None:
    """Apply both and wait until the operator is ready."""
    context.images.load_own(own_images.RAY_OPERATOR)
    context.kubectl.apply(crds.joined(crds.generate(context.tools, _SOURCE)))
    context.kubectl.apply_packaged("kuberay.yaml", image=own_images.RAY_OPERATOR)
    context.kubectl.rolled_out("ray-system", "deployment/ray-operator")


ADDON = Addon("kuberay", prepare, install)
