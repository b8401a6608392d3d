"""A TrainingRun of its own on the cluster on which the loop has turned."""

import time

import pytest
from training_stand import Followed, follow, teach

from pawl_examples import install
from pawl_examples.bringup import Stand
from pawl_examples.dataset import Material

COMPONENT, RUN = "taught-facts", "taught"
MESSAGES, MIN_EXAMPLES = 900, 600
RUN_SECONDS = 600.0


@pytest.fixture(scope="session")
def trained(stand: Stand, material: Material) -> tuple[Followed, float]:
    """A TrainingRun of the linear tagger by KubeRay, seen to its end, and the seconds that it took."""
    teach(stand.collector, stand.token, COMPONENT, material, MESSAGES)
    began = time.monotonic()
    stand.kube.apply(component(), training_run())
    followed = follow(stand.kube, install.NAMESPACE, RUN, RUN_SECONDS)
    return followed, time.monotonic() - began


def component() -> dict[str, object]:
    """A component of its own, so that the demo's evidence stays what it was."""
    return _object("Component", COMPONENT, {"score": "span-f1"})


def training_run() -> dict[str, object]:
    """What a team writes to have a version trained on the GPU node; the gate is open but for a floor."""
    spec = {
        "component": COMPONENT,
        "trainer": "linear-tagger",
        "dataset": {"minExamples": MIN_EXAMPLES},
        "engine": {"kubeRay": {}},
        "gate": {"floor": "0.05"},
        "activeDeadline": "10m",
        "backoffLimit": 1,
    }
    return _object("TrainingRun", RUN, spec)


def _object(kind: str, name: str, spec: dict[str, object]) -> dict[str, object]:
    metadata = {"name": name, "namespace": install.NAMESPACE}
    return {"apiVersion": "pawl.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
