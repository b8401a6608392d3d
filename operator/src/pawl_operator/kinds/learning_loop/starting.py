"""When a turn begins: enough new examples, a time of the schedule, or a gate that has to be run again.

After a turn that failed or lost its child the next one waits, ten minutes at first, twice as long after each further
one, at most a day: what made it fail does not go away by trying again at once.
"""

from datetime import datetime, timedelta

from pawl.api.learning_loop import Turn
from pawl.schedule import last_firing, next_firing, parse_cron, zone_of
from pawl_operator.kinds.learning_loop.draft import ACTIVE, Draft
from pawl_operator.kinds.learning_loop.need import Need
from pawl_operator.kinds.learning_loop.reasons import Reason
from pawl_operator.kinds.learning_loop.tidying import leftovers
from pawl_operator.kinds.learning_loop.training import train
from pawl_operator.kinds.learning_loop.version import champion_of

FIRST_PAUSE = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(days=1)
FAILED = ("TrainingFailed", "Lost")
CONTINUED = {"StableMoved": Reason.GATE_AGAIN, "Replaced": Reason.NEWER_EXAMPLES}
"""What an ended turn leaves for the next one to do, whatever need and schedule say."""


def begin(draft: Draft, need: Need) -> None:
    """Begin a turn if it is time for one, or say what it waits for."""
    if draft.refusal is not None:
        return
    active = draft.turn_in(*ACTIVE)
    if draft.spec.suspend:
        _miss(draft)
    elif active is not None:
        _replace(draft, active, need)
    elif leftovers(draft):
        draft.rest(Reason.LEFTOVER, "waits until a child of an ended turn is gone")
    else:
        _begin_when_due(draft, need)


def _begin_when_due(draft: Draft, need: Need) -> None:
    champion, resume = champion_of(draft.rollout) if draft.rollout is not None else None, _pause_until(draft)
    if champion is None:
        message = f"waits until Rollout {draft.rollout_name} has a stable revision to compare with"
        draft.rest(Reason.WAITING_FOR_STABLE, message)
        return
    if resume is not None and resume > draft.now:
        draft.wake(resume)
        draft.rest(Reason.BACKING_OFF, f"waits until {resume:%Y-%m-%d %H:%M:%S} after a turn that failed")
        return
    cause = _continued(draft) or _due(draft, need)
    if cause is None:
        return
    number = _number(draft)
    turn = Turn(
        number=number, state="Training", started_at=draft.now, cause=cause, examples=need.have or 0, champion=champion
    )
    draft.set(turn=number, turns=(*draft.status.turns, turn))
    draft.event("Normal", Reason.TURN_STARTED, f"turn {number} begins ({cause}): {turn.examples} new examples")
    train(draft, turn)


def _replace(draft: Draft, active: Turn, need: Need) -> None:
    """End a training for the sake of newer examples; an Experiment never, or nothing would ever be decided."""
    if draft.spec.concurrency_policy != "Replace" or active.state != "Training" or _due(draft, need) is None:
        return
    message = f"{need.have} newer examples came while it trained: the next turn learns from them too"
    draft.end(active, "Replaced", Reason.NEWER_EXAMPLES, message)


def _due(draft: Draft, need: Need) -> Reason | None:
    """Return why a turn is due; what is said beside it is why not."""
    look = _time_to_look(draft)
    if look is None:
        return None
    if need.have is None:
        # The time of the schedule is kept until the need is known.
        draft.rest(need.reason, need.message)
        return None
    draft.set(looked_at=look if draft.spec.schedule is not None else None)
    if need.reached:
        return Reason.ENOUGH_EXAMPLES if need.have >= draft.spec.min_new_examples else Reason.FLOOR_REACHED
    date = draft.status.expected_at
    when = f", expected {date:%Y-%m-%d %H:%M}" if date is not None else ""
    draft.rest(Reason.WAITING_FOR_EXAMPLES, f"waits for new examples: {need.have} of {need.need}{when}")
    return None


def _time_to_look(draft: Draft) -> datetime | None:
    """Return the time at which the need is looked at, None while the schedule's next one is still to come."""
    if draft.spec.schedule is None:
        return draft.now
    cron, zone = parse_cron(draft.spec.schedule), zone_of(draft.spec.time_zone)
    since = draft.status.looked_at or draft.seen.created_at
    firing = last_firing(cron, zone, draft.now, max(draft.now - since, timedelta(0)))
    coming = next_firing(cron, zone, draft.now)
    draft.wake(coming)
    if firing is None:
        shown = f"looks at the need at {coming:%Y-%m-%d %H:%M %Z}" if coming is not None else "its schedule never comes"
        draft.rest(Reason.WAITING_FOR_SCHEDULE, shown)
    return firing


def _miss(draft: Draft) -> None:
    """Let the schedule's times pass while the loop is suspended: nobody wants them all made up for."""
    if draft.spec.schedule is None:
        return
    cron, zone = parse_cron(draft.spec.schedule), zone_of(draft.spec.time_zone)
    since = draft.status.looked_at or draft.seen.created_at
    firing = last_firing(cron, zone, draft.now, max(draft.now - since, timedelta(0)))
    if firing is not None:
        draft.set(looked_at=firing)
    draft.wake(next_firing(cron, zone, draft.now))


def _continued(draft: Draft) -> Reason | None:
    records = sorted(draft.status.history, key=lambda record: record.turn)
    if not records or records[-1].turn != draft.status.turn:
        return None
    ended = [record for record in records if record.outcome not in FAILED]
    return CONTINUED.get(ended[-1].outcome) if ended else None


def _pause_until(draft: Draft) -> datetime | None:
    failures = 0
    for record in reversed(draft.status.history):
        if record.outcome not in FAILED:
            break
        failures += 1
    if not failures:
        return None
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << (failures - 1)))
    return draft.status.history[-1].finished_at + pause


def _number(draft: Draft) -> int:
    """Return the next number whose names are free."""
    used = draft.seen.taken | draft.seen.runs.keys() | draft.seen.experiments.keys()
    number = max([draft.status.turn, *draft.seen.runs, *draft.seen.experiments]) + 1
    while number in used:
        number += 1
    return number
