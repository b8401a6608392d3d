"""One turn of the loop as it was seen: how long each stage took, what was learned from, what was decided and why."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pawl_examples.history import ReleaseRecord
from pawl_examples.loop.arms import Arms
from pawl_examples.loop.golden import Look
from pawl_examples.loop.parity import Parity

Json = dict[str, Any]
MOST_UNASSIGNED = 0.02


@dataclass
class TurnResult:
    """A turn; what was never reached stays empty."""

    number: int
    trainer: str
    seconds: dict[str, float] = field(default_factory=dict)
    training: Json = field(default_factory=dict)
    experiment: Json = field(default_factory=dict)
    arms: Arms | None = None
    node: str = ""
    outcome: str = ""
    release: ReleaseRecord | None = None
    look: Look | None = None
    parity: Parity | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What the tables call the version that it trained."""
        return f"{self.trainer}, turn {self.number}"


@dataclass
class ControlResult:
    """An Experiment that must not ship, and what became of it."""

    name: str
    title: str
    experiment: Json
    arms: Arms | None
    problems: list[str] = field(default_factory=list)


@dataclass
class LoopResult:
    """The second act."""

    provers: int = 0
    rules: Look | None = None
    first_act: Look | None = None
    """Of the first act's model, which learned from everything that learn people say."""
    turns: list[TurnResult] = field(default_factory=list)
    controls: list[ControlResult] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Everything that was not as it has to be."""
        found = [problem for turn in self.turns for problem in turn.problems]
        return found + [problem for one in self.controls for problem in one.problems]

    def report(self) -> Json:
        """The act as plain data."""
        return {
            "provePeople": self.provers,
            "rules": self.rules.report() if self.rules else None,
            "firstAct": self.first_act.report() if self.first_act else None,
            "turns": [_turn(one) for one in self.turns],
            "controls": [asdict(one) for one in self.controls],
            "problems": self.problems,
        }


def _turn(turn: TurnResult) -> Json:
    known = asdict(replace(turn, look=None)) | {"release": None, "look": turn.look.report() if turn.look else None}
    if turn.release is not None:
        known["release"] = {"number": turn.release.number, "state": turn.release.state}
    return known


def wrong(arms: Arms) -> Sequence[str]:
    """Sentences about arms that are not as they have to be."""
    found = []
    if arms.wrong:
        found.append(f"{arms.wrong} of {arms.requests} answers came from another arm than the computed one")
    if arms.lost:
        found.append(f"{arms.lost} requests lost")
    if arms.requests and arms.unassigned > MOST_UNASSIGNED * arms.requests:
        found.append(f"{arms.unassigned} requests had no arm beside {arms.requests} that had one")
    return found
