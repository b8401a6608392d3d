"""Whether the spec can be carried out at all: what it names is there, fits, and is nobody else's."""

from pawl.errors import InvalidSpec
from pawl.schedule import parse_cron, zone_of
from pawl_operator.kinds.learning_loop.draft import Draft
from pawl_operator.kinds.learning_loop.reasons import Reason


def admit(draft: Draft) -> None:
    """Refuse a spec that cannot be carried out, with the remedy."""
    spec, seen = draft.spec, draft.seen
    if spec.source.type == "Registry":
        remedy = "use source.type Training, or set the Rollout's candidate from where the version is registered"
        draft.refuse(Reason.REGISTRY_SOURCE_NOT_OFFERED, f"nobody follows an alias of the registry yet: {remedy}")
    elif seen.rival:
        draft.refuse(Reason.COMPONENT_CLAIMED, f"LearningLoop {seen.rival} learns {spec.component} already: delete one")
    elif not seen.component_exists:
        draft.refuse(Reason.COMPONENT_NOT_FOUND, f"Component {spec.component} is not there: create it")
    elif seen.rollout is None:
        draft.refuse(Reason.ROLLOUT_NOT_FOUND, f"Rollout {draft.rollout_name} is not there: create it, or name another")
    elif seen.rollout.spec.component != spec.component:
        other = f"Rollout {draft.rollout_name} serves component {seen.rollout.spec.component}"
        draft.refuse(Reason.COMPONENT_MISMATCH, f"{other}, not {spec.component}: name the Rollout that serves it")
    else:
        _check_schedule(draft)


def _check_schedule(draft: Draft) -> None:
    try:
        if draft.spec.schedule is not None:
            parse_cron(draft.spec.schedule)
        zone_of(draft.spec.time_zone)
    except InvalidSpec as error:
        draft.refuse(Reason.INVALID_SPEC, str(error))
