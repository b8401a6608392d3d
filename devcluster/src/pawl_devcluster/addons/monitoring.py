"""Definitions of ServiceMonitor, PodMonitor and PrometheusRule, for charts that ship them; nothing acts on them."""

from pawl_devcluster import crds
from pawl_devcluster.addons.base import Addon, AddonContext
from pawl_devcluster.tools import Tools

_SOURCE = crds.CrdSource(
    "monitoring", "monitoring", ["github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"]
)


def prepare(tools: Tools) -> None:
    """Generate the definitions."""
    crds.generate(tools, _SOURCE)


def install(context: AddonContext) -> None:
    """Apply the three that charts use."""
    context.kubectl.apply(
        crds.joined(crds.generate(context.tools, _SOURCE), ["servicemonitors", "podmonitors", "prometheusrules"])
    )


ADDON = Addon("monitoring", prepare, install, needs_node=False)
