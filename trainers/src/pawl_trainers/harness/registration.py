"""Puts a version that passed its gate into MLflow: artifacts, numbers, model card, lineage. Doing it twice is safe."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Read when the client is imported: a run tells nobody but the named server, and standard output is the operator's.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pawl.errors import DependencyUnavailable
from pawl_trainers.harness.plan import Plan
from pawl_trainers.harness.report import Registered

MODEL, CARD = "model", "README.md"
RUN_TAG, DIGEST_TAG = "pawl.run", "pawl.digest"
_ALREADY = "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True, slots=True)
class Version:
    """What is registered; `dataset` and `digest` are digests, `commit` is empty where it is not known."""

    directory: Path
    digest: str
    dataset: str
    card: str
    metrics: Mapping[str, float]
    commit: str

    def tags(self, plan: Plan) -> dict[str, str]:
        """Return the lineage: where the version comes from, so that it can be made again."""
        tags = {
            RUN_TAG: plan.run.uid,
            DIGEST_TAG: self.digest,
            "pawl.dataset": self.dataset,
            "pawl.trainingrun": f"{plan.run.namespace}/{plan.run.name}",
            "pawl.component": plan.component,
            "pawl.trainer": plan.trainer,
            "pawl.base-model": plan.base_model or "",
            "pawl.commit": self.commit,
        }
        return {name: value for name, value in tags.items() if value}


def register(version: Version, plan: Plan, tracking: str) -> Registered:
    """Return the registered version; one that an earlier attempt of the same run has registered is found again.

    Raises DependencyUnavailable where MLflow does not answer or refuses.
    """
    client = MlflowClient(tracking_uri=tracking, registry_uri=tracking)
    try:
        _ensure_model(client, plan)
        found = _earlier(client, plan, version.digest) or _create(client, version, plan)
    except (MlflowException, OSError) as error:
        remedy = "look at MLflow, then run the TrainingRun again"
        raise DependencyUnavailable(f"MLflow: {error}", field="register", remedy=remedy) from error
    return Registered(f"models:/{plan.model}/{found.version}", version.digest)


def _ensure_model(client: MlflowClient, plan: Plan) -> None:
    try:
        client.create_registered_model(plan.model, tags={"pawl.component": plan.component})
    except MlflowException as error:
        if error.error_code != _ALREADY:
            raise


def _earlier(client: MlflowClient, plan: Plan, digest: str) -> ModelVersion | None:
    name = plan.model.replace("'", "")
    found = client.search_model_versions(f"name = '{name}' and tags.`{RUN_TAG}` = '{plan.run.uid}'")
    return next((one for one in found if one.tags.get(DIGEST_TAG) == digest), None)


def _create(client: MlflowClient, version: Version, plan: Plan) -> ModelVersion:
    tags = version.tags(plan)
    run = client.create_run(_experiment(client, plan.model), tags=tags, run_name=plan.run.name)
    for name, value in {"seed": str(plan.seed), **plan.parameters}.items():
        client.log_param(run.info.run_id, name, value)
    for name, number in version.metrics.items():
        client.log_metric(run.info.run_id, name, number)
    client.log_artifacts(run.info.run_id, str(version.directory), MODEL)
    client.log_text(run.info.run_id, version.card, CARD)
    source = f"{run.info.artifact_uri}/{MODEL}"
    made = client.create_model_version(plan.model, source, run.info.run_id, tags=tags, description=version.card)
    client.set_terminated(run.info.run_id)
    return made


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException as error:
        if error.error_code != _ALREADY:
            raise
    return _experiment(client, name)
