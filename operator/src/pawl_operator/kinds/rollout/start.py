"""How release N+1 begins: its plan is frozen, and later edits of the spec do not touch it."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from pawl.api.analysis import Analysis, AnalysisMetric
from pawl.api.rollout import RolloutSpec
from pawl.api.rollout_status import BakePlan, ReleasePlan, ReleaseStatus, TrafficMode
from pawl.api.steps import Step
from pawl.durations import parse_duration
from pawl.errors import InvalidSpec
from pawl.margins import ACCURACY, KNOWN_METRICS, LATENCY, SATISFACTION, MetricDefault, resolved
from pawl.schedule import parse_cron, zone_of
from pawl_operator.kinds.rollout.draft import Draft
from pawl_operator.kinds.rollout.pinning import can_pin
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import last_number
from pawl_operator.kinds.rollout.snapshot import HASHED_BUCKET
from pawl_operator.kinds.rollout.versions import Version, service_of


def start(draft: Draft, candidate: Version) -> None:
    """Begin the next release with a candidate that stands ready to be tried."""
    try:
        check_windows(draft.spec)
        mode: TrafficMode = "HashedBucket" if can_pin(draft) else "RequestWeights"
        plan = freeze(draft.spec, draft.seen.component_metrics, mode)
    except InvalidSpec as error:
        draft.refuse(Reason.INVALID_SPEC, str(error))
        return
    number = last_number(draft.status) + 1
    release = ReleaseStatus(
        number=number,
        revision=candidate.revision,
        source=candidate.source,
        digest=candidate.digest,
        service=service_of(draft.name, draft.spec, candidate.revision, taken=draft.stable.service),
        plan_hash=hash_of(plan),
        plan=plan,
        state="Preparing",
        total_steps=len(plan.steps),
        started_at=draft.now,
        ready_deadline=draft.now + parse_duration(draft.spec.progress_deadline),
        sticky_header=draft.spec.stickiness.header,
        previous=draft.stable,
    )
    draft.set(release=release, verdict=None, evidence=())
    draft.set_traffic(mode=mode, desired=0, verified=0, op_id="", restored=0, error_source=draft.seen.error_source)
    message = f"release {number} begins: candidate {candidate.revision} against stable {draft.stable.revision}"
    draft.say(Reason.RELEASE_STARTED, message)
    draft.event("Normal", Reason.RELEASE_STARTED, message)


def fall_back(draft: Draft) -> None:
    """Split by request where a gateway has refused to pin users before anybody got traffic: the plan must not say
    what is not so.
    """
    release = draft.release
    if release.step == 0 and release.plan.mode == HASHED_BUCKET and draft.seen.sticky_refusal:
        plan = release.plan.model_copy(update={"mode": "RequestWeights"})
        draft.set_release(plan=plan, plan_hash=hash_of(plan))
        draft.set_traffic(mode="RequestWeights")


def freeze(spec: RolloutSpec, component: Mapping[str, MetricDefault] | None, mode: TrafficMode) -> ReleasePlan:
    """Return the plan with everything filled in; later edits of the spec do not touch it.

    Raises:
        InvalidSpec: a metric has no direction or margin anywhere, or evidence is asked for that nobody gathers yet.
    """
    pairing = spec.analysis.pairing.mode
    if pairing == "Replay":
        raise InvalidSpec(
            "nothing sends logged inputs to the candidate yet",
            field="analysis.pairing.mode",
            value=pairing,
            remedy="use Mirror (a gateway copies requests), Client or None",
        )
    for metric in spec.analysis.metrics:
        _check_metric(metric)
    if not spec.analysis.metrics:
        _check_bare(spec.steps)
    metrics = tuple(resolved(metric, component) for metric in spec.analysis.metrics)
    analysis: Analysis = spec.analysis.model_copy(update={"metrics": metrics})
    bake = BakePlan(duration=spec.bake.duration, stable_share=spec.bake.stable_share)
    return ReleasePlan(steps=_with_requirements(spec), analysis=analysis, bake=bake, mode=mode)


def _check_metric(metric: AnalysisMetric) -> None:
    field = f"spec.analysis.metrics[{metric.name}]"
    if metric.name not in KNOWN_METRICS:
        raise InvalidSpec(
            "the monitor does not compute this metric, so evidence about it would never come",
            field=field,
            value=metric.name,
            remedy=f"use {ACCURACY} or {LATENCY}",
        )
    if metric.name == SATISFACTION:
        raise InvalidSpec(
            "nobody compares yet how many of those who were asked answered, and where one arm answers less often than "
            "the other, its thumbs say nothing",
            field=field,
            value=metric.name,
            remedy=f"leave it out until then, or use {ACCURACY} or {LATENCY}",
        )


def _check_bare(steps: Sequence[Step]) -> None:
    """Refuse what only a metric could fulfil; it would be passed over in silence."""
    for place, step in enumerate(steps):
        asked = {"minUsers": step.min_users, "require": step.require if step.require == "NonInferior" else None}
        for name, value in asked.items():
            if value is not None:
                raise InvalidSpec(
                    "without a metric nobody is counted or compared",
                    field=f"spec.steps[{place}].{name}",
                    value=value,
                    remedy=f"add a metric to spec.analysis.metrics, or remove {name} so that hardLimits decide alone",
                )


def hash_of(plan: ReleasePlan) -> str:
    """Return twelve hex digits over the plan's canonical JSON."""
    canonical = json.dumps(plan.to_wire(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def check_windows(spec: RolloutSpec) -> None:
    """Raise InvalidSpec if a step window's cron expression or time zone cannot be read."""
    for window in spec.step_windows:
        parse_cron(window.cron)
        zone_of(window.time_zone)


def _with_requirements(spec: RolloutSpec) -> tuple[Step, ...]:
    """Fill in what each step asks for: NonInferior on the last step that has both arms, NoHarm elsewhere."""
    shared = [i for i, step in enumerate(spec.steps) if min(step.set_weight, 100 - spec.bake.stable_share) < 100]
    last = shared[-1] if shared else -1
    return tuple(
        step.model_copy(update={"require": step.require or ("NonInferior" if i == last else "NoHarm")})
        for i, step in enumerate(spec.steps)
    )
