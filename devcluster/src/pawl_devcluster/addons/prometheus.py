"""Prometheus and Alertmanager, with pods found by the usual annotations."""

from pawl_devcluster import own_images
from pawl_devcluster.addons.base import Addon, AddonContext, service_url
from pawl_devcluster.kubectl import Json, Kubectl
from pawl_devcluster.tools import Tools

NAMESPACE = "monitoring"
_IMAGES = (own_images.PROMETHEUS, own_images.ALERTMANAGER, own_images.DISCOVERY)
_META = "__meta_kubernetes_pod_"
_ANNOTATION = f"{_META}annotation_prometheus_io_"


def config(scrape_interval: str) -> Json:
    """Return the configuration: every pod annotated `prometheus.io/scrape: "true"`, at its `port` and `path`."""
    return {
        "global": {"scrape_interval": scrape_interval, "scrape_timeout": scrape_interval, "evaluation_interval": "1s"},
        "rule_files": ["/etc/prometheus/rules/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]},
        "scrape_configs": [
            {
                "job_name": "pods",
                "http_sd_configs": [{"url": "http://127.0.0.1:9080/targets", "refresh_interval": "1s"}],
                "relabel_configs": [
                    {"source_labels": [f"{_ANNOTATION}scrape"], "action": "keep", "regex": "true"},
                    {"source_labels": [f"{_META}phase"], "action": "drop", "regex": "Pending|Succeeded|Failed"},
                    {"source_labels": [f"{_ANNOTATION}path"], "target_label": "__metrics_path__", "regex": "(.+)"},
                    {
                        "source_labels": [f"{_META}ip", f"{_ANNOTATION}port"],
                        "separator": ":",
                        "regex": "(.+:[0-9]+)",
                        "target_label": "__address__",
                    },
                    {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
                    {"source_labels": [f"{_META}name"], "target_label": "pod"},
                    {"source_labels": [f"{_META}label_app_kubernetes_io_name"], "target_label": "app"},
                ],
            }
        ],
    }


def prepare(tools: Tools) -> None:
    """Take both programs out of their packages and make images of them."""
    for image in _IMAGES:
        tools.images.archive(image)


def install(context: AddonContext) -> None:
    """Apply both and wait until they are ready."""
    import yaml  # only here, so that `down` needs nothing but Python

    for image in _IMAGES:
        context.images.load_own(image)
    text = yaml.safe_dump(config(context.tools.settings.scrape_interval), sort_keys=False)
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prometheus", "namespace": NAMESPACE},
        "data": {"prometheus.yaml": text},
    }
    context.kubectl.apply_data({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, settings)
    images = dict(zip(("image", "alertmanager_image", "discovery_image"), _IMAGES, strict=True))
    context.kubectl.apply_packaged("prometheus.yaml", **images)
    for workload in ("deployment/prometheus", "deployment/alertmanager"):
        context.kubectl.rolled_out(NAMESPACE, workload)


def url(kubectl: Kubectl, node_address: str) -> str | None:
    """Return the URL at which this machine reaches Prometheus, or None where the add-on is absent."""
    return service_url(kubectl, node_address, NAMESPACE, "prometheus")


ADDON = Addon("prometheus", prepare, install)
