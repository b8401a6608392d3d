"""The steps of a release: shares of traffic, holds, and what evidence each of them asks for."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from pawl.api.analysis import MinUsers
from pawl.api.meta import ApiModel, Bool, Duration
from pawl.api.rules import Cel, Whole
from pawl.durations import parse_duration

Requirement = Literal["NoHarm", "NonInferior"]
MAX_STEPS = 20


class Step(ApiModel):
    """One share of traffic, and what must be known before the next."""

    set_weight: Annotated[int, Whole(1, 100, ruled=True)]
    """setWeight is the percentage of traffic (or of users) that the candidate gets."""
    hold: Duration = "24h"
    """hold is the shortest time to stay on this step."""
    min_users: MinUsers | None = None
    """minUsers is how many users both arms must have had in this step; it needs a metric to count them by; absent: as
    the metrics say."""
    pause: Bool = False
    """pause waits for action Approve before the step is left."""
    require: Requirement | None = None
    """require: NoHarm (no harm proven) or NonInferior (harm beyond the margin excluded); absent: NoHarm, and
    NonInferior on the last step below 100 percent."""
    max_duration: Duration | None = None
    """maxDuration is how long to wait for a decision; then analysis.onStall. Absent: as long as it takes."""

    rules = (
        Cel(
            "!has(self.maxDuration) || duration(self.maxDuration) >= duration(self.hold)",
            "maxDuration must not be shorter than hold: raise maxDuration or shorten hold",
            lambda step: step.max_duration is None or parse_duration(step.max_duration) >= parse_duration(step.hold),
            field="maxDuration",
        ),
    )


def _increasing(steps: tuple[Step, ...]) -> bool:
    return all(before.set_weight < after.set_weight for before, after in pairwise(steps))


Steps = Annotated[
    tuple[Step, ...],
    Field(min_length=1, max_length=MAX_STEPS),
    Cel(
        "self.map(s, s.setWeight).isSorted() && self.all(s, self.exists_one(t, t.setWeight == s.setWeight))",
        "setWeight must grow from step to step: order the steps, and use every weight once",
        _increasing,
    ),
    Cel(
        "self[size(self) - 1].setWeight == 100",
        "the last step must have setWeight 100: add such a step, without it no candidate becomes stable",
        lambda steps: bool(steps) and steps[-1].set_weight == 100,
    ),
]

DEFAULT_STEPS: tuple[Step, ...] = tuple(Step(set_weight=weight) for weight in (10, 25, 50, 75, 100))
