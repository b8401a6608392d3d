"""What to do about one LearningLoop: a pure function of what was seen and the time. Nothing here waits, reads or
writes.

status lost         take up what the children tell                                                     recovering
Training            its TrainingRun, then what came of it                                              training
Queued              wait until nothing stands in the way, newest wins                                  queueing
Experimenting       its Experiment, then the decision                                                  experimenting
AwaitingApproval    a person sets the candidate, or does not                                           releasing
Releasing           the Rollout's release, until it has ended                                          releasing
no active child     begin the next turn when there are enough new examples                             starting

Turns are advanced oldest first, so what an older one frees a newer one has in the same pass. At most one of them has
an active child.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from pawl.api.learning_loop import Turn
from pawl_operator.kinds.learning_loop.actions import Plan
from pawl_operator.kinds.learning_loop.admission import admit
from pawl_operator.kinds.learning_loop.draft import Draft
from pawl_operator.kinds.learning_loop.experimenting import experiment
from pawl_operator.kinds.learning_loop.need import look
from pawl_operator.kinds.learning_loop.queueing import queue
from pawl_operator.kinds.learning_loop.recovering import recover
from pawl_operator.kinds.learning_loop.releasing import await_approval, follow
from pawl_operator.kinds.learning_loop.snapshot import LoopSnapshot
from pawl_operator.kinds.learning_loop.starting import begin
from pawl_operator.kinds.learning_loop.summary import sum_up
from pawl_operator.kinds.learning_loop.tidying import tidy
from pawl_operator.kinds.learning_loop.training import train

_ADVANCE: Mapping[str, Callable[[Draft, Turn], None]] = {
    "Training": train,
    "Queued": queue,
    "Experimenting": experiment,
    "AwaitingApproval": await_approval,
    "Releasing": follow,
}


def decide(seen: LoopSnapshot, now: datetime) -> Plan:
    """Return actions, the next status, events and the next wake-up. ``now`` is aware, in any zone.

    The same snapshot and time always give the same plan; a plan that was carried out gives, seen again, an empty one
    until something changes or its wake-up time comes.
    """
    draft = Draft(seen, now, seen.loop.status)
    recover(draft)
    admit(draft)
    for number in [turn.number for turn in draft.status.turns]:
        turn = draft.turn(number)
        if turn is not None:
            _ADVANCE[turn.state](draft, turn)
    need = look(draft)
    begin(draft, need)
    tidy(draft)
    sum_up(draft, need)
    return draft.plan()
