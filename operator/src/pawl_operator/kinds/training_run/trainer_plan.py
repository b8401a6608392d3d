"""PAWL_PLAN: what a trainer is told to do, as one JSON text. Pure: the same run and attempt give the same bytes."""

import json
from datetime import UTC, datetime
from typing import Any

from pawl.api.training_run import DatasetStatus
from pawl_operator.kinds.training_run.snapshot import TrainingSnapshot


def model_name(seen: TrainingSnapshot) -> str:
    """Return the registered model's name."""
    return f"{seen.namespace}.{seen.run.spec.component}"


def build_plan(seen: TrainingSnapshot, number: int, dataset: DatasetStatus) -> str:
    """Return the plan of one attempt.

    Raises:
        ValueError: the run was not admitted, or its dataset was not pinned.
    """
    if seen.component is None or dataset.until is None:
        raise ValueError("a plan was asked for a run that was not admitted")
    spec = seen.run.spec
    plan: dict[str, Any] = {
        "run": {"namespace": seen.namespace, "name": seen.run.metadata.name, "uid": seen.uid, "attempt": number},
        "component": spec.component,
        "score": seen.component.score,
        "labels": dict(seen.component.labels),
        "trainer": spec.trainer,
        "baseModel": spec.base_model,
        "parameters": dict(spec.parameters),
        "seed": spec.seed,
        "dataset": {
            "after": stamp(dataset.after) if dataset.after is not None else None,
            "until": stamp(dataset.until),
            "minExamples": spec.dataset.min_examples,
            "validationPercent": spec.dataset.split.validation_percent,
            "testPercent": spec.dataset.split.test_percent,
        },
        "gate": _gate(seen),
        "register": spec.register_,
        "model": model_name(seen),
        "distributed": seen.engine != "job",
    }
    return _plain(plan)


def stamp(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _gate(seen: TrainingSnapshot) -> dict[str, Any]:
    gate = seen.run.spec.gate
    champion = None
    if gate.champion is not None and seen.champion is not None:
        champion = {
            "revision": seen.champion.revision,
            "source": gate.champion.source,
            "digest": gate.champion.digest,
            "url": seen.champion.url,
        }
    return {
        "metric": gate.metric,
        "champion": champion,
        "floor": gate.floor,
        "minImprovement": gate.min_improvement,
        "alpha": gate.alpha,
    }


def _plain(plan: dict[str, Any]) -> str:
    # Kubernetes reads $(NAME) in a variable's value and Ray reads ${NAME}. A dollar stands in strings only, and may be
    # written as an escape there.
    return json.dumps(plan, sort_keys=True, separators=(",", ":")).replace("$", "\\u0024")
