"""A trial: one Experiment's time on the route, while no release is on its way.

Preparing    the treatment gets ready, and the gateway is known to take the header away from clients
Placing      the rules of both arms are put on the route; nobody meets them yet
Publishing   users are assigned, and every assigner is seen to have the assignment
Running      the Experiment's clock runs
Leaving      all users go back to stable, verified; then the rules and the policy are taken away

The Rollout starts and ends a trial by what its Experiment asks for; it judges nothing but whether the treatment's
pods live. A release that wants to start does not wait for a trial that has no users yet.
"""

from dataclasses import dataclass

from pawl.api.analysis import HardLimits
from pawl.api.rollout_status import Holder, TrialArm, TrialState, TrialStatus
from pawl.durations import parse_duration
from pawl.hard_limits import WorkloadHealth, workload_breach
from pawl_operator.kinds.rollout.actions import FINALIZER, AddFinalizer, EnsureAssignerPolicy, PatchVariants
from pawl_operator.kinds.rollout.conditions import verified_for, wake_for_route
from pawl_operator.kinds.rollout.draft import LATER, SOON, Draft
from pawl_operator.kinds.rollout.reasons import Reason
from pawl_operator.kinds.rollout.route_target import SETTLING
from pawl_operator.kinds.rollout.snapshot import RouteState, TrialRequest, WorkloadState
from pawl_operator.kinds.rollout.trial_route import as_wanted, assignment, sweep, variants
from pawl_operator.kinds.rollout.upkeep import ready, unresolved
from pawl_operator.kinds.rollout.versions import ensure, resolve, service_of

_ABSENT = WorkloadState(revision="", exists=False)
_LIMITS = HardLimits()


@dataclass(frozen=True, slots=True)
class _End:
    """Why a trial ends; an empty reason says that it was not the treatment's fault."""

    reason: str
    message: str


def take_on(draft: Draft, route: RouteState) -> None:
    """Give the traffic to the Experiment that has waited longest, once stable is there to compare with."""
    asking = sorted(draft.seen.trials, key=lambda request: (request.created, request.name))
    if not asking or not draft.seen.assigner.offered or not route.programmed:
        return
    if not ready(draft.seen.workloads.get(draft.stable.revision)):
        draft.wake(LATER)
        return
    _begin(draft, asking[0])


def _begin(draft: Draft, request: TrialRequest) -> None:
    stable, version = draft.stable, resolve(draft.spec, request.version)
    if version.revision == stable.revision:
        # Its Experiment says why nothing comes of it.
        return
    taken_service = service_of(draft.name, draft.spec, version.revision, taken=stable.service)
    trial = TrialStatus(
        experiment=request.name,
        uid=request.uid,
        state="Preparing",
        treatment=TrialArm(
            variant=request.treatment,
            revision=version.revision,
            source=version.source,
            digest=version.digest,
            service=taken_service,
        ),
        control=TrialArm(
            variant=request.control,
            revision=stable.revision,
            source=stable.source,
            digest=stable.digest,
            service=stable.service,
        ),
        weight=request.weight,
        mirror_percent=request.mirror_percent,
        header=draft.spec.stickiness.header,
        started_at=draft.now,
        ready_deadline=draft.now + parse_duration(draft.spec.progress_deadline),
    )
    holder = Holder(kind="Experiment", name=request.name, uid=request.uid, since=draft.now)
    draft.set(trial=trial)
    draft.set_traffic(mode="HeaderRule", holder=holder, desired=0, verified=0, op_id="", assignment=None)
    message = f"Experiment {request.name} gets the traffic: {version.revision} against stable {stable.revision}"
    draft.say(Reason.TRIAL_STARTED, message)
    draft.event("Normal", Reason.TRIAL_STARTED, message)


def conduct(draft: Draft, route: RouteState, *, release_waits: bool) -> None:
    """Carry the present trial on by one step."""
    trial = _trial(draft)
    end = _over(draft, trial, release_waits=release_waits) if trial.state != "Leaving" else None
    if end is not None:
        _leave(draft, end)
        trial = _trial(draft)
    match trial.state:
        case "Preparing":
            _prepare(draft, trial)
        case "Placing":
            _place(draft, route, trial)
        case "Publishing":
            _publish(draft, route, trial)
        case "Running":
            _run(draft, route, trial)
        case _:
            _finish(draft, route, trial, release_waits=release_waits)


def _over(draft: Draft, trial: TrialStatus, *, release_waits: bool) -> _End | None:
    """Return why the trial ends now, if it does."""
    if draft.seen.deleting:
        return _End("", "the Rollout is being deleted")
    if all(request.uid != trial.uid for request in draft.seen.trials):
        return _End("", f"Experiment {trial.experiment} asks for the traffic no more")
    if trial.state != "Running" and release_waits:
        return _End("", "a release goes first, for no user has been assigned yet")
    have = draft.seen.workloads.get(trial.treatment.revision, _ABSENT)
    if trial.state == "Preparing":
        late = draft.now >= trial.ready_deadline and not ready(have)
        message = f"treatment {trial.treatment.revision} was not ready within {draft.spec.progress_deadline}"
        return _End(Reason.NOT_READY, message) if late else None
    if not have.exists:
        return None
    health = WorkloadHealth(
        desired=max(1, have.desired),
        ready=have.ready,
        restarts=have.restarts,
        last_terminated=have.last_terminated,
        not_ready_since=have.not_ready_since,
    )
    breach = workload_breach(_LIMITS, health, draft.now)
    return _End(breach.cause, breach.message) if breach is not None else None


def _leave(draft: Draft, end: _End) -> None:
    trial = _trial(draft)
    draft.set(trial=trial.model_copy(update={"state": "Leaving", "cause": end.reason, "message": end.message[:1024]}))
    draft.set_traffic(desired=0)
    reason = Reason(end.reason) if end.reason else Reason.TRIAL_LEAVING
    draft.event("Warning" if end.reason else "Normal", reason, f"{end.message}: all users go back to stable")


def _prepare(draft: Draft, trial: TrialStatus) -> None:
    _keep_treatment(draft, trial)
    held = FINALIZER in draft.seen.finalizers
    if not held:
        draft.act(AddFinalizer())
    draft.wake(trial.ready_deadline)
    draft.wake(LATER)
    if not ready(draft.seen.workloads.get(trial.treatment.revision)):
        _tell(draft, Reason.PREPARING, f"treatment {trial.treatment.revision} is getting ready")
    elif draft.seen.assigner.header_removed is not True:
        _tell(draft, Reason.HEADER_NOT_REMOVED, _header_message(draft.seen.assigner.header_removed))
    elif held:
        _step(draft, "Placing", "the rules of both arms come onto the route")
        draft.wake(SOON)


def _header_message(removed: bool | None) -> str:
    if removed is None:
        return "it could not be read whether the gateway takes x-pawl-variant away from what clients send: trying again"
    return (
        "a client could choose its arm: put a ClientTrafficPolicy on every gateway of the route with "
        "headers.earlyRequestHeaders.remove [x-pawl-variant]"
    )


def _place(draft: Draft, route: RouteState, trial: TrialStatus) -> None:
    _keep_treatment(draft, trial)
    wanted = variants(trial)
    draft.wake(SOON)
    if not as_wanted(route, wanted):
        draft.act(PatchVariants(wanted))
    elif route.programmed and verified_for(draft) >= SETTLING:
        generation = draft.status.traffic.assignment_generation + 1
        draft.set_traffic(
            assignment=assignment(trial, draft.spec.component, generation),
            assignment_generation=generation,
            desired=trial.weight,
        )
        _step(draft, "Publishing", "users are being assigned")
        return
    else:
        wake_for_route(draft)
    _tell(draft, Reason.SHIFTING, "the rules of both arms come onto the route, and the gateway settles")


def _publish(draft: Draft, route: RouteState, trial: TrialStatus) -> None:
    seen, given = draft.seen.assigner, draft.status.traffic.assignment_generation
    _keep(draft, route, trial)
    draft.wake(SOON)
    if seen.refusal:
        _tell(draft, Reason.POLICY_REFUSED, f"a gateway refuses to ask the assigner: {seen.refusal}")
    elif not seen.generations or min(seen.generations) < given or seen.refusal is None or not seen.policy_wanted:
        have = sum(generation >= given for generation in seen.generations)
        _tell(draft, Reason.SHIFTING, f"{have} of {len(seen.generations)} assigners have the assignment")
    elif route.programmed:
        draft.set(trial=trial.model_copy(update={"state": "Running", "running_at": draft.now, "message": ""}))
        draft.set_traffic(verified=trial.weight)
        message = f"Experiment {trial.experiment} runs: {trial.weight} percent of users meet {trial.treatment.revision}"
        draft.say(Reason.TRIAL_RUNNING, message)
        draft.event("Normal", Reason.TRIAL_RUNNING, message)


def _run(draft: Draft, route: RouteState, trial: TrialStatus) -> None:
    _keep(draft, route, trial)
    draft.wake(LATER)
    have = draft.seen.workloads.get(trial.treatment.revision, _ABSENT)
    if have.ready == 0 and have.not_ready_since is not None:
        draft.wake(have.not_ready_since + parse_duration(_LIMITS.readiness.for_))
    message = f"Experiment {trial.experiment} has the traffic: {trial.weight} percent of users meet "
    draft.say(Reason.TRIAL_RUNNING, message + trial.treatment.revision)


def _keep(draft: Draft, route: RouteState, trial: TrialStatus) -> None:
    """Repair what somebody else changed of a trial that has users."""
    _keep_treatment(draft, trial)
    wanted = variants(trial)
    if not as_wanted(route, wanted):
        draft.act(PatchVariants(wanted))
        draft.wake(SOON)
    if not draft.seen.assigner.policy_wanted:
        draft.act(EnsureAssignerPolicy(trial.header))


def _finish(draft: Draft, route: RouteState, trial: TrialStatus, *, release_waits: bool) -> None:
    draft.say(Reason.TRIAL_LEAVING, f"{trial.message}; all users go back to stable {draft.stable.revision}")
    if not sweep(draft, route):
        return
    asks = any(request.uid == trial.uid for request in draft.seen.trials)
    if asks and trial.cause and not release_waits and not draft.seen.deleting:
        # Its Experiment has to hear the cause first, or it would get the traffic again.
        draft.wake(LATER)
        return
    draft.set(trial=None)
    draft.set_traffic(mode=None, holder=None, desired=0, verified=0)
    draft.event("Normal", Reason.TRIAL_ENDED, f"Experiment {trial.experiment} has no traffic any more, verified")
    draft.wake(SOON)


def _keep_treatment(draft: Draft, trial: TrialStatus) -> None:
    request = next((entry for entry in draft.seen.trials if entry.uid == trial.uid), None)
    if request is None:
        return
    version, have = resolve(draft.spec, request.version), draft.seen.workloads.get(trial.treatment.revision)
    if version.revision != trial.treatment.revision:
        # The template was edited meanwhile; what is being compared stays as it was.
        return
    wanted = ensure(version, have, release=0, owned=True, again=unresolved(draft))
    if wanted is not None:
        draft.act(wanted)


def _step(draft: Draft, state: TrialState, message: str) -> None:
    draft.set(trial=_trial(draft).model_copy(update={"state": state, "message": message}))
    draft.say(Reason.SHIFTING, f"Experiment {_trial(draft).experiment}: {message}")


def _tell(draft: Draft, reason: Reason, message: str) -> None:
    draft.set(trial=_trial(draft).model_copy(update={"message": message[:1024]}))
    draft.say(reason, f"Experiment {_trial(draft).experiment}: {message}")


def _trial(draft: Draft) -> TrialStatus:
    if draft.status.trial is None:
        raise ValueError("a Rollout without a trial was treated as having one")
    return draft.status.trial
