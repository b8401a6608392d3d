"""Everything that `decide` may know about one LearningLoop, as frozen data; `observe` fills it, nobody else adds to it.

Absent is None or empty, never an exception: what could not be read is told apart from what is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pawl.api.learning_loop import LearningLoop
from pawl.api.rollout import Rollout
from pawl.api.training_run import Registered
from pawl.new_examples import NewExamples


@dataclass(frozen=True, slots=True)
class RunState:
    """A TrainingRun of this loop."""

    name: str
    uid: str
    created_at: datetime
    until: datetime
    """The newest time of receipt that its dataset may hold; of one that was built before, when the run was made."""
    outcome: Literal["Succeeded", "Failed"] | None = None
    """None: it is not finished."""
    reason: str = ""
    """Reason of its condition Succeeded."""
    message: str = ""
    refusal: str = ""
    """Why it is not accepted; empty: it is."""
    registered: Registered | None = None
    passed: bool | None = None
    """What its gate said; None: nothing."""
    champion: tuple[str, str] = ("", "")
    """Source and digest of the opponent in its spec."""


@dataclass(frozen=True, slots=True)
class ExperimentState:
    """An Experiment of this loop."""

    name: str
    uid: str
    complete: bool = False
    decision: str = ""
    message: str = ""
    refusal: str = ""
    """Why it is not accepted; empty: it is."""
    sets_candidate: bool = True
    """Whether a shipped treatment becomes the candidate without anybody else."""
    treatment: tuple[str, str] = ("", "")
    """Source and digest of the treatment."""


@dataclass(frozen=True, slots=True)
class LoopSnapshot:
    """A LearningLoop, its children, its Rollout and its need, all read within one pass."""

    loop: LearningLoop
    uid: str
    generation: int
    created_at: datetime
    component_exists: bool = True
    rival: str = ""
    """An older LearningLoop of the same component; empty: there is none."""
    rollout: Rollout | None = None
    """None: there is no Rollout of that name."""
    runs: Mapping[int, RunState] = field(default_factory=dict)
    """By turn number; only those that this loop owns, by uid."""
    experiments: Mapping[int, ExperimentState] = field(default_factory=dict)
    """By turn number; only those that this loop owns, by uid."""
    taken: frozenset[int] = frozenset()
    """Numbers that cannot be used: a TrainingRun or an Experiment of that name belongs to somebody else."""
    examples: NewExamples | None = None
    """The monitor's count for this uid; None: it says nothing about it, or nobody has answered (see fresh_at)."""
    asked_at: datetime | None = None
    """When Prometheus was last asked, whatever came of it; None: never."""
    fresh_at: datetime | None = None
    """When Prometheus last answered; None: never."""
    max_age: timedelta = timedelta(seconds=45)
    """How old a count may be: max(3 scrapes, 2 monitor ticks)."""
