"""From nothing to a cluster with Pawl, the application's objects and a trained model on it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pawl_devcluster import cluster as devcluster
from pawl_devcluster import images
from pawl_devcluster.addons import mlflow
from pawl_devcluster.cluster import Cluster, up
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.images_transfer import find
from pawl_devcluster.settings import Size, from_environment
from pawl_examples import install
from pawl_examples.app import question
from pawl_examples.applog import COMPONENT
from pawl_examples.kube import Kube
from pawl_examples.pace import Numbers, Times
from pawl_examples.phases import Phases
from pawl_examples.training import Trained, train

T = TypeVar("T")
PARTS = ("operator", "collector", "monitor", "assigner")
NAMES = (*PARTS, "fact-extractor:dev", "fact-extractor:twin")
TRAINERS = {"linear-tagger": "trainer", "token-classification": "trainer-torch-cpu"}
ADDONS = ("gateway", "prometheus")
LEARNING = ("kuberay", "mlflow")


@dataclass(frozen=True)
class Stand:
    """What stands when the bring-up is done: hands on the cluster, and addresses as this machine reaches them."""

    cluster: Cluster
    kube: Kube
    gateway: str
    collector: str
    token: str
    trained: Trained
    tracking: str = ""
    """MLflow; empty where nothing is trained on the cluster."""


@dataclass(frozen=True)
class Grounds:
    """The cluster with images on it, and the trained model."""

    cluster: Cluster
    trained: Trained


def check() -> None:
    """Raise DevclusterError, in one sentence, where the demo cannot run; builds and changes nothing."""
    existing = from_environment().kubeconfig
    if existing is not None:
        raise DevclusterError(
            f"PAWL_KUBECONFIG is {existing}, and the demo needs a cluster of its own, for it puts images that no "
            "registry has on the nodes and stops Prometheus: unset it (docs/how-to/roll-out-a-model.md is for yours)."
        )
    devcluster.check(Size.NODE)


def prepare(phases: Phases, folder: Path, report: Callable[[str], None], trainers: Sequence[str] = ()) -> Grounds:
    """Bring the cluster up, build the images and train, beside each other; each image is loaded once it is built.

    `trainers` are those that will run on the cluster: with any it has a second node, Ray and MLflow.
    """
    size, addons = (Size.GPU, (*ADDONS, *LEARNING)) if trainers else (Size.NODE, ADDONS)
    names = [*NAMES, *(TRAINERS[trainer] for trainer in dict.fromkeys(trainers))]
    with ThreadPoolExecutor(3, "bring-up") as pool:
        cluster = pool.submit(_timed, phases, "cluster and add-ons", lambda: up(size, addons, report=report))
        loaded = pool.submit(_timed, phases, "images built and loaded", lambda: _build_and_load(cluster, names, report))
        trained = pool.submit(_timed, phases, "training and golden evaluation", lambda: train(folder / "model"))
        loaded.result()
        return Grounds(cluster.result(), trained.result())


def set_up(phases: Phases, grounds: Grounds, times: Times, counted: Numbers) -> Stand:
    """Install Pawl, put the model into the cluster, apply the application's objects, and wait for the first answer."""
    cluster = grounds.cluster
    kube = Kube(cluster.tools.program("kubectl"), cluster.helm, cluster.kubeconfig)
    with phases.phase("helm install"):
        install.install_pawl(kube, {part: find(f"localhost/pawl/{part}:dev")[1] for part in PARTS})
    with phases.phase("model, gateway, route, component, rollout"):
        install.put_model(kube, grounds.trained)
        install.apply_application(kube, grounds.trained, times, counted)
    with phases.phase("first answer through the gateway"):
        gateway = _gateway(cluster, kube)
    port = install.node_port(kube, install.SYSTEM, "pawl-collector")
    collector = f"http://{cluster.source.node_address()}:{port}"
    tracking = mlflow.url(cluster.kubectl, cluster.source.node_address()) or ""
    return Stand(cluster, kube, gateway, collector, install.api_key(kube), grounds.trained, tracking)


def _gateway(cluster: Cluster, kube: Kube) -> str:
    programmed = ("-n", install.NAMESPACE, "wait", "--for=condition=Programmed", "gateway/demo", "--timeout=120s")
    kube.run(*programmed, seconds=130)
    gateway = f"http://{cluster.gateway_address(install.NAMESPACE, 'demo')}"
    path = f"/v2/models/{COMPONENT}/infer"
    install.wait_for("the first answer", lambda: install.answers(gateway, question("I play soccer"), path))
    return gateway


def _build_and_load(cluster: "Future[Cluster]", names: Sequence[str], report: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(1, "load") as pool:
        loads = []
        for name in names:
            if cluster.done():
                cluster.result()  # without a cluster no image is needed
            built = images.build([name], report)
            loads.append(pool.submit(_load, cluster, built))
        for load in loads:
            load.result()


def _load(cluster: "Future[Cluster]", names: list[str]) -> None:
    cluster.result().load_images(names)


def _timed(phases: Phases, name: str, work: Callable[[], T]) -> T:
    with phases.phase(name):
        return work()
