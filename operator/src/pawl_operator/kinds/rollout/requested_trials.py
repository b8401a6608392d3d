"""Which Experiments ask for a Rollout's traffic: those that say so in their status and can be read. Pure.

An Experiment asks from the moment it was accepted until it is decided, suspended or deleted; its own controller says
so by the phases Waiting and Running. What cannot be read does not ask: its users go home.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import ValidationError

from pawl.api.experiment import DEFAULT_WEIGHT, Experiment
from pawl.api.rollout import Rollout
from pawl.api.serving import ModelVersion
from pawl_operator.kinds.rollout.snapshot import TrialRequest
from pawl_operator.kube.port import Object

ASKING = ("Waiting", "Running")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def requests_for(bodies: Iterable[Object], rollout: Rollout) -> tuple[TrialRequest, ...]:
    """Return what the Experiments of a namespace ask of this Rollout."""
    found = (_request(body) for body in bodies if _asks(body, rollout.metadata.name))
    return tuple(request for request in found if request is not None)


def _asks(body: Object, rollout: str) -> bool:
    spec, status = body.get("spec") or {}, body.get("status") or {}
    named = (spec.get("rolloutRef") or {}).get("name") == rollout
    wanted = status.get("phase") in ASKING and not spec.get("suspend") and not status.get("decision")
    return named and wanted and not body["metadata"].get("deletionTimestamp")


def _request(body: Object) -> TrialRequest | None:
    try:
        experiment = Experiment.from_cluster(body)
    except ValidationError:
        return None
    spec = experiment.spec
    treatment = next(arm for arm in spec.variants if arm.role == "Treatment")
    control = next(arm for arm in spec.variants if arm.role == "Control")
    weight = treatment.weight or DEFAULT_WEIGHT
    mirrors = spec.analysis.pairing.mode == "Mirror"
    return TrialRequest(
        name=experiment.metadata.name,
        uid=str(experiment.metadata.uid),
        created=experiment.metadata.creation_timestamp or _EARLIEST,
        treatment=treatment.name,
        control=control.name,
        version=ModelVersion(source=treatment.source or "none", digest=treatment.digest, serve=treatment.serve),
        weight=weight if spec.mode == "Live" else 0,
        mirror_percent=spec.analysis.pairing.percent if mirrors else 0,
    )
