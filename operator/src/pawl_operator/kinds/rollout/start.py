"""No release on its way: keep the route at stable, and start release N+1 when the spec names a new candidate."""

import hashlib
import json
from collections.abc import Mapping

from pawl.api.analysis import Analysis
from pawl.api.rollout import RolloutSpec
from pawl.api.rollout_status import BakePlan, Rejected, ReleasePlan, ReleaseStatus, TrafficMode
from pawl.api.steps import Step
from pawl.durations import parse_duration
from pawl.errors import InvalidSpec
from pawl.margins import MetricDefault, resolved
from pawl.schedule import parse_cron, zone_of
from pawl_operator.kinds.rollout.conditions import set_condition, truth
from pawl_operator.kinds.rollout.draft import LATER, SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import alone, last_number, matches, serves_stable_only
from pawl_operator.kinds.rollout.snapshot import RouteState
from pawl_operator.kinds.rollout.upkeep import keep_policy, ready, remove_leftovers, wants_pinning
from pawl_operator.kinds.rollout.versions import Version, candidate_of, service_of


def idle(draft: Draft, route: RouteState) -> None:
    """Tidy up after the last release, then look for a new candidate."""
    wanted = alone(draft)
    if not matches(route, wanted):
        draft.act(wanted)
        draft.wake(SOON)
    stable = draft.stable
    settled = serves_stable_only(route, stable.revision)
    set_condition(
        draft,
        "TrafficVerified",
        truth(settled),
        Reason.VERIFIED if settled else Reason.NOT_PROGRAMMED,
        "the gateway serves stable alone" if settled else f"waiting for the gateway {route.message}".strip(),
    )
    if settled:
        remove_leftovers(draft, route)
    keep_policy(draft)
    draft.say(Reason.STABLE, f"revision {stable.revision} is stable and has all traffic")
    candidate = candidate_of(draft.spec)
    if candidate is None or candidate.revision == stable.revision:
        return
    refused = rejection_of(draft, candidate.revision)
    if refused is not None:
        draft.say(
            Reason.REJECTED_CANDIDATE,
            f"candidate {candidate.revision} was rejected in release {refused.release} ({refused.reason}); set another "
            f"candidate, or action Retry with release {refused.release}",
        )
    elif draft.spec.suspend:
        draft.say(Reason.SUSPENDED, f"candidate {candidate.revision} waits: the Rollout is suspended")
    elif matches(route, wanted):
        _start_when_stable(draft, route, candidate)


def rejection_of(draft: Draft, revision: str) -> Rejected | None:
    """Return why a revision is refused, if it is; the newest entry counts."""
    return next((entry for entry in reversed(draft.status.rejected) if entry.revision == revision), None)


def _start_when_stable(draft: Draft, route: RouteState, candidate: Version) -> None:
    draft.wake(LATER)
    if not serves_stable_only(route, draft.stable.revision):
        draft.say(Reason.NOT_PROGRAMMED, f"candidate {candidate.revision} waits until the route is seen at stable")
    elif not ready(draft.seen.workloads.get(draft.stable.revision)):
        draft.say(Reason.STABLE_NOT_READY, f"candidate {candidate.revision} waits until stable is ready")
    else:
        _start(draft, candidate)


def _start(draft: Draft, candidate: Version) -> None:
    try:
        check_windows(draft.spec)
        mode: TrafficMode = "HashedBucket" if wants_pinning(draft) else "RequestWeights"
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
        previous=draft.stable,
    )
    draft.set(release=release, verdict=None, evidence=())
    draft.set_traffic(mode=mode, desired=0, verified=0, op_id="", restored=0, error_source=draft.seen.error_source)
    message = f"release {number} begins: candidate {candidate.revision} against stable {draft.stable.revision}"
    draft.say(Reason.RELEASE_STARTED, message)
    draft.event("Normal", Reason.RELEASE_STARTED, message)


def freeze(spec: RolloutSpec, component: Mapping[str, MetricDefault] | None, mode: TrafficMode) -> ReleasePlan:
    """Return the plan with everything filled in; later edits of the spec do not touch it.

    Raises:
        InvalidSpec: a metric has no direction or margin anywhere, or pairs are asked for that nobody makes yet.
    """
    pairing = spec.analysis.pairing.mode
    if pairing == "Replay":
        raise InvalidSpec(
            "nothing sends logged inputs to the candidate yet",
            field="analysis.pairing.mode",
            value=pairing,
            remedy="use Mirror (a gateway copies requests), Client or None",
        )
    metrics = tuple(resolved(metric, component) for metric in spec.analysis.metrics)
    analysis: Analysis = spec.analysis.model_copy(update={"metrics": metrics})
    bake = BakePlan(duration=spec.bake.duration, stable_share=spec.bake.stable_share)
    return ReleasePlan(steps=_with_requirements(spec), analysis=analysis, bake=bake, mode=mode)


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
