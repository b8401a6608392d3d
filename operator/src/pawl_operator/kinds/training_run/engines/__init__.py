"""Where a training can run, behind one port: a Ray cluster of its own, one that is there, or a plain Job."""

from collections.abc import Mapping

from pawl_operator.kinds.training_run.engines.kube_job import KubeJob
from pawl_operator.kinds.training_run.engines.kube_ray import KubeRay
from pawl_operator.kinds.training_run.engines.port import Engine, TrainerEnvironment
from pawl_operator.kinds.training_run.engines.ray_address import RayAddress
from pawl_operator.kinds.training_run.ray_jobs import RayJobs
from pawl_operator.kinds.training_run.snapshot import EngineName
from pawl_operator.kube.port import KubePort


def build_engines(kube: KubePort, environment: TrainerEnvironment) -> Mapping[EngineName, Engine]:
    """Return the engine of each field of spec.engine."""
    ray = RayJobs()
    return {
        "kubeRay": KubeRay(kube, ray, environment),
        "rayAddress": RayAddress(ray, environment),
        "job": KubeJob(kube, environment),
    }
