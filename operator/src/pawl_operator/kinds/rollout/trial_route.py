"""What the rules of a trial shall look like, and how they are taken off again. The route is an output, never a memory.

On the way in, the rules come first: no request meets them until the assigner sets their header, so the gateway has
time to warm up what is behind them. On the way out they lead to stable first, which works with every assigner dead;
only then is the assigner asked no more, and when the gateway has settled the rules go.
"""

from dataclasses import replace

from pawl.api.rollout_status import Assignment, AssignmentRange, TrialArm, TrialStatus
from pawl.assignment import BUCKETS, FINE_BUCKETS, assignment_key
from pawl_operator.kinds.rollout.actions import PatchVariants, RemoveAssignerPolicy, Variant
from pawl_operator.kinds.rollout.conditions import verified_for
from pawl_operator.kinds.rollout.draft import SOON, Draft
from pawl_operator.kinds.rollout.route_target import SETTLING, last_number
from pawl_operator.kinds.rollout.snapshot import CANDIDATE, STABLE, RouteState

TRIAL_RELEASE, TRIAL_STEP = 1, 1
"""An Experiment is stored and counted as the only release of its own uid, with one step."""
_UID_DIGITS = 8


def header_of(trial: TrialStatus, arm: TrialArm) -> str:
    """Return what x-pawl-variant says of an arm: another Experiment's users never meet this one's rules."""
    return f"{trial.uid[:_UID_DIGITS]}-{arm.variant}"


def variants(trial: TrialStatus) -> tuple[Variant, ...]:
    """Return the rules of a trial that has users, or is about to get them; in Shadow nobody is led to the treatment."""
    arms = [(STABLE, trial.control, trial.treatment)]
    if trial.weight > 0:
        arms.insert(0, (CANDIDATE, trial.treatment, trial.control))
    return tuple(
        Variant(
            name=arm.variant,
            header=header_of(trial, arm),
            service=arm.service,
            revision=arm.revision,
            arm=name,
            owner=trial.uid,
            release=TRIAL_RELEASE,
            step=TRIAL_STEP,
            mirror_service=other.service if trial.mirror_percent else "",
            mirror_percent=trial.mirror_percent,
        )
        for name, arm, other in arms
    )


def assignment(trial: TrialStatus, component: str, generation: int) -> Assignment:
    """Return which users meet which arm: the treatment's come first, so that a wider share keeps all it had."""
    edge = trial.weight * FINE_BUCKETS // BUCKETS
    parts = [(trial.treatment, 0, edge), (trial.control, edge, FINE_BUCKETS)]
    return Assignment(
        experiment=trial.experiment,
        uid=trial.uid,
        component=component,
        key=assignment_key(component, trial.treatment.revision),
        generation=generation,
        ranges=tuple(
            AssignmentRange(
                variant=arm.variant, revision=arm.revision, header=header_of(trial, arm), start=start, end=end
            )
            for arm, start, end in parts
            if start < end
        ),
    )


def as_wanted(route: RouteState, wanted: tuple[Variant, ...]) -> bool:
    """Return whether the route has exactly these rules beside ours, and they follow it."""
    have = {state.variant.name: state for state in route.variants}
    same = {name: state.variant for name, state in have.items()} == {variant.name: variant for variant in wanted}
    return same and all(state.follows for state in have.values())


def sweep(draft: Draft, route: RouteState) -> bool:
    """Take whatever a trial left off the route, one thing a pass; return whether nothing is left."""
    seen = draft.seen.assigner
    home = tuple(_at_stable(draft, state.variant) for state in route.variants)
    draft.set_traffic(assignment=None)
    if not route.variants and not seen.policy:
        return True
    draft.wake(SOON)
    if not as_wanted(route, home):
        draft.act(PatchVariants(home, urgent=True))
    elif not route.programmed:
        return False
    elif seen.policy:
        draft.act(RemoveAssignerPolicy())
    elif verified_for(draft) >= SETTLING:
        draft.act(PatchVariants())
    return False


def _at_stable(draft: Draft, variant: Variant) -> Variant:
    """Return a variant's rule with stable behind it; its answers are nobody's evidence any more."""
    stable = draft.stable
    return replace(
        variant,
        service=stable.service,
        revision=stable.revision,
        arm=STABLE,
        owner=draft.seen.uid,
        release=last_number(draft.status),
        step=0,
        mirror_service="",
        mirror_percent=0,
    )
