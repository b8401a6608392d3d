"""What the objects of attempts have in common, whatever kind they are of. Pure."""

from collections.abc import Mapping
from typing import Any

from pawl_operator.kinds.training_run.actions import StartAttempt
from pawl_operator.kinds.training_run.engines.port import ATTEMPT_LABEL, UNTIL_NOTE, Subject
from pawl_operator.kinds.training_run.trainer_plan import stamp
from pawl_operator.kube.resources import TRAINING_LABEL, Resource


def metadata_of(subject: Subject, wanted: StartAttempt) -> dict[str, Any]:
    """Return the metadata of an attempt's object."""
    return {
        "name": subject.attempt(wanted.number),
        "namespace": subject.namespace,
        "labels": subject.labels(wanted.number),
        "annotations": {UNTIL_NOTE: stamp(wanted.until)},
        "ownerReferences": [subject.reference()],
    }


def selector_of(subject: Subject) -> str:
    """Return the label selector of everything that belongs to a run."""
    return f"{TRAINING_LABEL}={subject.name}"


def number_of(body: Mapping[str, Any]) -> int | None:
    """Return which attempt an object belongs to; None where its label says none."""
    text = str((body["metadata"].get("labels") or {}).get(ATTEMPT_LABEL, ""))
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None


def owned_by(subject: Subject, body: Mapping[str, Any]) -> bool:
    """Return whether the run is the object's controller: a namesake's uid is another one."""
    owners = body["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == subject.uid and owner.get("controller") for owner in owners)


def body_of(resource: Resource, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """Return an object."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}
