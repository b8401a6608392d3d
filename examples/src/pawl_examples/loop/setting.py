"""Puts the second act's objects into the cluster, with days as seconds and counts as the people give them."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pawl_examples import install
from pawl_examples.kube import Kube, read_manifest

Json = dict[str, Any]
NAMESPACE, LOOP, HOST = install.LEARN, "facts", "learn.demo.internal"
MANIFESTS = install.MANIFESTS / "loop"


@dataclass(frozen=True)
class LoopTimes:
    """What days become, in seconds; `lesson_rate` and `beside` are messages a second.

    A person who proves speaks all through `proof`, so `window` is as long: everybody's window closes when it is over.
    A control whose arms are alike decides nothing before its time is over, and then everything has been said:
    `control_most` is shorter than `most`.
    """

    lesson_rate: float = 30.0
    proof: float = 50.0
    beside: float = 4.0
    window: int = 50
    label_delay: int = 2
    most: int = 130
    control_most: int = 110
    hold: int = 10
    release_window: int = 3
    bake: int = 4
    max_duration: int = 120

    @property
    def replay(self) -> float:
        """Seconds over which prove people speak during a release: all of its steps, and as long again for delays."""
        return 14.0 * self.hold


@dataclass(frozen=True)
class Expected:
    """Counts that follow from the material: corrections that start a turn, examples in its dataset, prove people."""

    corrections: int
    examples: int
    provers: int


def clear(kube: Kube) -> None:
    """Take away what an earlier run left in the namespace, so that this one begins with the rules again."""
    ours = ("learningloops", "experiments", "trainingruns", "rollouts")
    kinds = ",".join([*(f"{kind}.pawl.dev" for kind in ours), "httproutes"])
    kube.run("-n", NAMESPACE, "delete", kinds, "--all", "--timeout=120s", seconds=130)
    # What was live outlives its Rollout on purpose.
    kube.run("-n", NAMESPACE, "delete", "deployments,services", "-l", "app.kubernetes.io/managed-by=pawl")


def apply_objects(kube: Kube, times: LoopTimes, provers: int) -> None:
    """Apply route, Component and Rollout; `provers` is how many people prove."""
    for name in ("route", "component"):
        kube.apply(*read_manifest(MANIFESTS / f"{name}.yaml"))
    [rollout] = read_manifest(MANIFESTS / "rollout.yaml")
    kube.apply(compress_rollout(rollout, times, provers))


def apply_loop(kube: Kube, times: LoopTimes, lesson: Expected, trainer: str) -> None:
    """Apply the LearningLoop with the trainer of its next turn."""
    [loop] = read_manifest(MANIFESTS / "learning-loop.yaml")
    kube.apply(compress_loop(loop, times, lesson, trainer))


def compress_rollout(rollout: Json, times: LoopTimes, provers: int) -> Json:
    """The Rollout with seconds in place of days."""
    compressed = deepcopy(rollout)
    spec = compressed["spec"]
    for step in spec["steps"]:
        step.update(hold=f"{times.hold}s", maxDuration=f"{times.max_duration}s")
    analysis = spec["analysis"]
    analysis.update(interval="1s", window=f"{times.release_window}s", labelDelay="1s", expectedUsers=provers)
    analysis["metrics"][0]["minUsers"] = 10
    analysis["hardLimits"]["errorRate"]["for"] = "2s"
    analysis["hardLimits"]["p99"]["for"] = "5s"
    analysis["hardLimits"]["readiness"]["for"] = "5s"
    spec["bake"]["duration"] = f"{times.bake}s"
    return compressed


def compress_loop(loop: Json, times: LoopTimes, lesson: Expected, trainer: str) -> Json:
    """The LearningLoop with seconds in place of days and the counts that one lesson gives."""
    compressed = deepcopy(loop)
    spec = compressed["spec"]
    spec.update(minNewExamples=lesson.corrections, floor=min(spec["floor"], lesson.corrections))
    training = spec["trainingTemplate"]["spec"]
    training["trainer"] = trainer
    training["dataset"]["minExamples"] = lesson.examples
    spec["experimentTemplate"]["spec"]["analysis"].update(analysis_of(times, lesson.provers, times.most))
    return compressed


def analysis_of(times: LoopTimes, provers: int, most: int) -> Json:
    """How an Experiment of the demo is judged, within `most` seconds: everything of a real one, days as seconds."""
    return {
        "interval": "1s",
        "window": f"{times.window}s",
        "labelDelay": f"{times.label_delay}s",
        "maxDuration": f"{most}s",
        "expectedUsers": provers,
        "minUsers": max(30, provers // 3),
        "minSamplesPerVariant": 100,
        "wholeDays": False,
    }


def control(name: str, times: LoopTimes, provers: int, arm: Json) -> Json:
    """An Experiment that must not ship: `arm` is what the treatment is (source, digest, serve)."""
    [loop] = read_manifest(MANIFESTS / "learning-loop.yaml")
    spec = deepcopy(loop["spec"]["experimentTemplate"]["spec"])
    spec["analysis"].update(analysis_of(times, provers, times.control_most))
    treatment = {"name": "treatment", "role": "Treatment", "weight": 50, **arm}
    return {
        "apiVersion": "pawl.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "rolloutRef": {"name": install.ROLLOUT},
            "variants": [{"name": "control", "role": "Control"}, treatment],
            "onShip": "Report",
            **spec,
        },
    }


def controls_beside(stable: Json) -> list[tuple[str, str, Json]]:
    """Name, title and treatment of what must not ship: a twin of what is live, and a version that finds nothing."""
    arm = {"source": stable["source"], "digest": stable["digest"]}
    twin = {"env": [{"name": "PAWL_DEMO_TWIN", "value": "1"}]}
    silent = {"env": [{"name": "PAWL_ENTRYPOINT", "value": "pawl_examples.candidates:silent"}]}
    return [
        ("twin", "A/A: a twin of what is live", {**arm, "serve": twin}),
        ("silent", "empty: finds nothing", {**arm, "serve": silent}),
    ]
