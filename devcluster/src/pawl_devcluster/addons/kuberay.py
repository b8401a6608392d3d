"""The KubeRay operator and its definitions."""

from pawl_devcluster import crds, own_images, versions
from pawl_devcluster.addons.base import Addon, AddonContext
from pawl_devcluster.tools import Tools

SOURCE = crds.CrdSource(
    f"kuberay-{versions.KUBERAY}",
    "ray",
    ["github.com/ray-project/kuberay/ray-operator/apis/ray/v1"],
    embedded_metadata=True,
)


def prepare(tools: Tools) -> None:
    """Build the operator and generate its definitions."""
    crds.generate(tools, SOURCE)
    tools.images.archive(own_images.RAY_OPERATOR)


def install(context: AddonContext) -> None:
    """Apply both and wait until the operator is ready."""
    context.images.load_own(own_images.RAY_OPERATOR)
    context.kubectl.apply(crds.joined(crds.generate(context.tools, SOURCE)))
    context.kubectl.apply_packaged("kuberay.yaml", image=own_images.RAY_OPERATOR)
    context.kubectl.rolled_out("ray-system", "deployment/ray-operator")


ADDON = Addon("kuberay", prepare, install)
