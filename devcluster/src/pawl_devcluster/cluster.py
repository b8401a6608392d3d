"""The library's front door: bring a cluster up, use it, take it down."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pawl_devcluster import host
from pawl_devcluster.addons import gateway, mlflow, prometheus
from pawl_devcluster.addons.base import Addon, AddonContext
from pawl_devcluster.addons.registry import chosen
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.existing import ExistingProvider
from pawl_devcluster.images_transfer import ImageTransfer
from pawl_devcluster.kind import KindProvider
from pawl_devcluster.kubectl import Kubectl
from pawl_devcluster.native import NativeProvider
from pawl_devcluster.provider import EXISTING, KIND, NATIVE, Provider, choose, docker_answers
from pawl_devcluster.report import Report, to_stderr
from pawl_devcluster.settings import Settings, Size, from_environment
from pawl_devcluster.state import StateStore
from pawl_devcluster.tools import Tools, make_tools


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up."""

    tools: Tools
    source: Provider

    @property
    def provider(self) -> str:
        """Where it comes from: `existing`, `kind` or `native`."""
        return self.source.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.source.kubeconfig

    @property
    def kubectl(self) -> Kubectl:
        """kubectl for this cluster: `cluster.kubectl("get", "pods")` returns the output."""
        return Kubectl(self.tools.program("kubectl"), self.kubeconfig)

    @property
    def helm(self) -> Path:
        """The Helm program; give it KUBECONFIG."""
        return self.tools.program("helm")

    @property
    def prometheus_url(self) -> str:
        """URL of Prometheus as this machine reaches it; raises DevclusterError where the add-on is absent."""
        found = prometheus.url(self.kubectl, self.source.node_address())
        if found is None:
            raise DevclusterError("There is no Prometheus in this cluster: bring it up with --addons prometheus.")
        return found

    def gateway_address(self, namespace: str, name: str) -> str:
        """Return `host:port` of a Gateway; raises DevclusterError while it has no Service yet."""
        return gateway.address(self.kubectl, self.source.node_address(), namespace, name)

    def load_images(self, names: Sequence[str], nodes: Sequence[str] = ()) -> None:
        """Put images on the nodes (none named: on all); unchanged ones are not sent again."""
        transfer = ImageTransfer(self.tools, self.source)
        for name in names:
            transfer.load_named(name, nodes)

    def environment(self) -> dict[str, str]:
        """Return the variables that tests and people use, as far as the parts are there."""
        node = self.source.node_address()
        found = prometheus.url(self.kubectl, node)
        tracking = mlflow.url(self.kubectl, node)
        gateways = gateway.find_addresses(self.kubectl, node)
        return {
            "KUBECONFIG": str(self.kubeconfig),
            **({"PAWL_GATEWAY_ADDRESS": gateways[0]} if gateways else {}),
            **({"PAWL_PROMETHEUS_URL": found} if found else {}),
            **({"MLFLOW_TRACKING_URI": tracking} if tracking else {}),
        }


def up(
    size: Size = Size.NODE, addons: Sequence[str] = (), settings: Settings | None = None, report: Report = to_stderr
) -> Cluster:
    """Bring up, or complete, a cluster of that size or more, with add-ons; raises DevclusterError with a remedy."""
    settings = settings or from_environment()
    wanted = chosen(addons, size)
    tools = make_tools(settings, report)
    cluster = Cluster(tools, _checked(tools, size))
    with StateStore(settings).exclusive(report), ThreadPoolExecutor(2, "addon") as pool:
        if cluster.provider == EXISTING:
            cluster.source.up(size)
            report(f"add-ons of an existing cluster are yours to install: {', '.join(addons) or 'none'} asked for")
            return cluster
        # The API server is what everything waits for, so it is built before anything runs beside it.
        for name in ("kubectl", "etcd", "kube-apiserver") if cluster.provider == NATIVE else ("kubectl",):
            tools.program(name)
        prepared = [(addon, pool.submit(addon.prepare, tools)) for addon in wanted]
        cluster.source.up(size)
        StateStore(settings).update(checkout=str(settings.checkout))  # one whose checkout was gone is ours from now on
        _install(cluster, prepared)
    report(f"cluster {settings.name} is up: KUBECONFIG={cluster.kubeconfig}")
    return cluster


def check(size: Size = Size.NODE, settings: Settings | None = None, report: Report = to_stderr) -> None:
    """Raise DevclusterError, in one sentence, where `up` could not bring such a cluster up; builds nothing."""
    _checked(make_tools(settings or from_environment(), report), size)


def connect(settings: Settings | None = None, report: Report = to_stderr) -> Cluster:
    """Return the cluster that is up; raises DevclusterError when there is none."""
    settings = settings or from_environment()
    tools = make_tools(settings, report)
    if settings.kubeconfig is None and StateStore(settings).load() is None:
        raise DevclusterError(f"There is no cluster {settings.name}: bring it up with `python -m pawl_devcluster up`.")
    return Cluster(tools, _provider(tools))


def down(settings: Settings | None = None, report: Report = to_stderr) -> None:
    """Remove the cluster; does nothing when there is none."""
    settings = settings or from_environment()
    store = StateStore(settings)
    if settings.kubeconfig is None and store.load() is None:
        report(f"there is no cluster {settings.name}")
    else:
        with store.exclusive(report):
            _provider(make_tools(settings, report)).down()
        if settings.kubeconfig is None:
            report(f"cluster {settings.name} is gone")
    host.sweep(settings.state_root)


def _install(cluster: Cluster, prepared: Sequence[tuple[Addon, Future[None]]]) -> None:
    context = AddonContext(cluster.tools, cluster.kubectl, cluster.source, ImageTransfer(cluster.tools, cluster.source))
    store = StateStore(cluster.tools.settings)
    for addon, preparation in prepared:
        preparation.result()
        addon.install(context)
        state = store.load()
        if state is not None:
            store.update(addons=tuple(dict.fromkeys((*state.addons, addon.name))))
        cluster.tools.report(f"add-on {addon.name} ready")


def _checked(tools: Tools, size: Size) -> Provider:
    settings = tools.settings
    owner = StateStore(settings).other_owner() if settings.kubeconfig is None else None
    if owner is not None:
        raise DevclusterError(
            f"Cluster {settings.name} belongs to the checkout {owner}: take it down there, "
            "or set PAWL_DEVCLUSTER_NAME to another name."
        )
    provider = _provider(tools)
    provider.check(size)
    return provider


def _provider(tools: Tools) -> Provider:
    state = StateStore(tools.settings).load()
    if tools.settings.kubeconfig is None and state is not None:
        name = state.provider  # what brought it up is what can take it down
    else:
        name = choose(tools.settings, docker_answers=tools.settings.kubeconfig is None and docker_answers())
    makers: dict[str, Callable[[Tools], Provider]] = {
        EXISTING: ExistingProvider,
        KIND: KindProvider,
        NATIVE: NativeProvider,
    }
    return makers[name](tools)
