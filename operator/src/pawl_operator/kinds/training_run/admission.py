"""Whether a run can be carried out as it stands, and if not, what has to be changed first. Pure."""

from datetime import timedelta

from pawl_operator.kinds.training_run.draft import Draft
from pawl_operator.kinds.training_run.reasons import Reason

OFFERED = ("linear-tagger", "token-classification")
SCORE_METRIC = "accuracy"
SCORES = ("span-f1", "exact")
"""Of these more is better, which is what the gate asks."""
LOOK_AGAIN = timedelta(seconds=10)
"""What is missing may come without an event of our own object: a Component, a Rollout's stable, KubeRay."""
Refusal = tuple[Reason, str]


def admit(draft: Draft) -> bool:
    """Return whether an attempt may start; otherwise say why not, and look again from time to time."""
    refusal = _spec(draft) or _installation(draft) or _cluster(draft)
    if refusal is not None:
        draft.refuse(*refusal)
        draft.wake(LOOK_AGAIN)
    return refusal is None


def image_of(draft: Draft) -> str:
    """Return the trainer's image; empty where neither the spec nor the chart names one."""
    return draft.spec.image or draft.seen.offer.images.get(draft.spec.trainer, "")


def _spec(draft: Draft) -> Refusal | None:
    spec = draft.spec
    if spec.trainer not in OFFERED:
        message = f"spec.trainer {spec.trainer} is not offered by this version of Pawl: use {' or '.join(OFFERED)}"
        return Reason.TRAINER_NOT_OFFERED, message
    if spec.command:
        return Reason.NOT_OFFERED, f"spec.command belongs to trainer custom: remove it, {spec.trainer} has its own"
    if spec.dataset.snapshot is not None:
        return Reason.NOT_OFFERED, "spec.dataset.snapshot is not offered by this version of Pawl: use window"
    if spec.gate.metric != SCORE_METRIC:
        message = f"spec.gate.metric {spec.gate.metric} is known on live traffic only: use {SCORE_METRIC}, the score"
        return Reason.NOT_OFFERED, message
    return None


def _installation(draft: Draft) -> Refusal | None:
    seen, spec = draft.seen, draft.spec
    if seen.engine != "rayAddress" and not image_of(draft):
        message = f"no image is known for trainer {spec.trainer}: set spec.image, or trainer.images in the chart"
        return Reason.TRAINER_IMAGE_MISSING, message
    if not seen.offer.collector_url:
        message = "the operator does not know the collector: set PAWL_COLLECTOR_URL (the chart does)"
        return Reason.COLLECTOR_MISSING, message
    if spec.register_ and not seen.offer.registry_url:
        message = "spec.register is true and there is no model registry: set mlflow.trackingUri in the chart, or false"
        return Reason.REGISTRY_MISSING, message
    return None


def _cluster(draft: Draft) -> Refusal | None:
    seen, spec = draft.seen, draft.spec
    if seen.engine_missing:
        return Reason.ENGINE_MISSING, seen.engine_missing
    if seen.component is None:
        message = f"Component {spec.component} is not there or not valid: create it, or correct spec.component"
        return Reason.COMPONENT_NOT_FOUND, message
    if seen.component.score not in SCORES:
        message = f"Component {spec.component} has score {seen.component.score}: the gate needs {' or '.join(SCORES)}"
        return Reason.NOT_OFFERED, message
    champion = spec.gate.champion
    if champion is not None and seen.champion is None:
        named = " ".join(part for part in (champion.source, champion.digest) if part)
        message = f"no Rollout of {spec.component} has {named} as its stable: name what is live in spec.gate.champion"
        return Reason.CHAMPION_NOT_SERVED, message
    return None
