"""Definitions of ServiceMonitor, PodMonitor and PrometheusRule, for charts that ship them; nothing acts on them."""

from pawl_devcluster import crds
from pawl_devcluster.addons.base import Addon, AddonContext
from pawl_devcluster.tools import Tools

_SOURCE = crds.CrdSource(
    "monitoring", "monitoring", ["github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"]
)
_KINDS = ("servicemonitors", "podmonitors", "prometheusrules")


def prepare(tools: Tools) -> None:
    """Generate the definitions."""
    crds.generate(tools, _SOURCE)


def install(context: AddonContext) -> None:
    """Apply the three that charts use, and wait until they are served."""
    context.kubectl.apply(crds.joined(crds.generate(context.tools, _SOURCE), _KINDS))
    crds.established(context.kubectl, [f"{kind}.monitoring.coreos.com" for kind in _KINDS])


ADDON = Addon("monitoring", prepare, install, needs_node=False)
